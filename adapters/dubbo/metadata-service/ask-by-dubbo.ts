import { connect } from 'node:net';
import { isRecord, printable } from '../../../core/plugin/index.js';
import { MetadataError } from '../metadata-info.js';
import { redacted } from '../secrets.js';
import type { Ask } from './ask.js';
import { type DubboResponse, metadataRequest, ResponseFinder, statusOk } from './dubbo-frame.js';
import { HessianReader, type HessianValue } from './hessian-reader.js';
import type { MetadataRoute } from './route.js';

const requestId = 1;
/** DubboCodec: what an answer's first value says; 3 to 5 are the same with attachments behind. */
const withException = 0;
const withValue = 1;
const withNull = 2;
const flagged = 3;

/**
 * V1 of the MetadataService over the dubbo protocol, on a connection of its own, which is closed after it.
 * @returns what came back, not looked at; null for an unknown revision
 * @throws MetadataError, HessianError, or the signal's reason
 */
export async function askByDubbo(route: MetadataRoute, ask: Ask): Promise<unknown> {
  const { status, body } = await exchange(route, ask);
  const reader = new HessianReader(body);
  if (status !== statusOk) throw new MetadataError(`the provider answered status ${status}: ${shown(reader.read())}`);
  const kind = reader.read();
  if (typeof kind !== 'number') throw new MetadataError('the answer does not say what it is');
  if (kind % flagged === withNull) return null;
  const value = reader.read();
  if (kind % flagged === withValue) return value;
  if (kind % flagged === withException) throw new MetadataError(`the MetadataService failed: ${shown(value)}`);
  throw new MetadataError('the answer does not say what it is');
}

function exchange(route: MetadataRoute, { application, revision, maxBytes, signal }: Ask): Promise<DubboResponse> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const finder = new ResponseFinder(requestId, maxBytes);
    const socket = connect({ host: route.host, port: route.port, noDelay: true });
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => socket.write(metadataRequest(application, revision, requestId)));
    socket.on('data', (chunk) => {
      try {
        const response = finder.push(chunk);
        if (response) finish(() => resolve(response));
      } catch (error) {
        finish(() => reject(error));
      }
    });
    socket.on('error', (error) => finish(() => reject(new MetadataError(`no connection: ${error.message}`))));
    socket.on('close', () => finish(() => reject(new MetadataError('the provider closed the connection'))));
  });
}

/** What a provider says of its failure. */
function shown(value: HessianValue): string {
  const text = isRecord(value) ? value['detailMessage'] : value;
  return printable(redacted(typeof text === 'string' ? text.slice(0, 500) : ''));
}
