import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { printable } from '../../../core/plugin/index.js';
import {
  MetadataInfoV2,
  MetadataRequest,
  TripleRequestWrapper,
  TripleResponseWrapper,
} from '../../../proto/gen/dubbo_metadata.js';
import { MetadataError } from '../metadata-info.js';
import { redacted } from '../secrets.js';
import type { Ask } from './ask.js';
import { HessianReader } from './hessian-reader.js';
import { hessianString } from './hessian-strings.js';
import type { MetadataRoute } from './route.js';

const v2Method = '/org.apache.dubbo.metadata.MetadataServiceV2/GetMetadataInfo';
const v1Method = '/org.apache.dubbo.metadata.MetadataService/getMetadataInfo';
/** The name of Hessian 2 in Triple's wrapper. */
const hessian = 'hessian4';

/** @returns what came back, not looked at @throws MetadataError, HessianError, or the signal's reason */
export async function askV2(route: MetadataRoute, ask: Ask): Promise<unknown> {
  const request = Buffer.from(MetadataRequest.encode({ revision: ask.revision }).finish());
  const answer = await call(route, v2Method, '2.0.0', request, ask);
  return decode(() => MetadataInfoV2.decode(answer));
}

/** The same as {@link askV2}, by the wrapper of Triple for services without protobuf; null for an unknown revision. */
export async function askByWrapper(route: MetadataRoute, ask: Ask): Promise<unknown> {
  const args = [hessianString(ask.revision)];
  const request = TripleRequestWrapper.encode({
    serializeType: hessian,
    args,
    argTypes: ['java.lang.String'],
  }).finish();
  const answer = await call(route, v1Method, '1.0.0', Buffer.from(request), ask);
  const { data, serializeType } = decode(() => TripleResponseWrapper.decode(answer));
  if (data.length === 0) return null;
  if (!serializeType.startsWith('hessian')) throw new MetadataError('the metadata came in another form than Hessian');
  return new HessianReader(Buffer.from(data)).read();
}

function decode<Message>(read: () => Message): Message {
  try {
    return read();
  } catch {
    throw new MetadataError('the metadata that came back are no protobuf');
  }
}

/** One unary call over a connection of its own, which is closed after it. */
function call(route: MetadataRoute, method: string, version: string, request: Buffer, ask: Ask): Promise<Buffer> {
  const { signal, application, basicAuth, maxBytes } = ask;
  signal.throwIfAborted();
  const client = new Client(`dns:${route.authority}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': maxBytes,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  });
  const metadata = new Metadata();
  metadata.set('tri-service-group', headerText(application));
  metadata.set('tri-service-version', version);
  if (basicAuth) metadata.set('authorization', `Basic ${Buffer.from(basicAuth.reveal()).toString('base64')}`);
  return new Promise<Buffer>((resolve, reject) => {
    const unary = client.makeUnaryRequest(method, same, same, request, metadata, (error, answer) => {
      signal.removeEventListener('abort', onAbort);
      client.close();
      if (signal.aborted) reject(signal.reason);
      else if (error) reject(callFailed(error));
      else resolve(answer ?? Buffer.alloc(0));
    });
    const onAbort = () => unary.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

const same = (bytes: Buffer) => bytes;

/** gRPC refuses other characters in a header; Dubbo's own client sends none either. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function callFailed({ code, details }: ServiceError): MetadataError {
  const name = status[code] ?? 'UNKNOWN';
  return new MetadataError(
    `the MetadataService answered ${name}: ${printable(redacted(String(details).slice(0, 500)))}`,
  );
}
