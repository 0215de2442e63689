import { setTimeout as delay } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { DiscoveryRequest } from '../proto/gen/discovery.js';

const serviceEntry = 'networking.istio.io/v1/ServiceEntry';
const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

/** A response as it came: its bytes, and when. */
export interface RawResponse {
  readonly bytes: Buffer;
  /** `performance.now()` */
  readonly atMs: number;
}

/** Reads ServiceEntries as istiod does, but looks into the bytes only: decoding would be measured too. */
export class McpReader {
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly #waiting = new Set<(response: RawResponse) => boolean>();
  readonly #failed: Promise<never>;

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
    const raw = (bytes: Buffer) => bytes;
    this.#call = this.#client.makeBidiStreamRequest(method, raw, raw);
    this.#failed = new Promise((_, reject) => this.#call.on('error', reject));
    this.#failed.catch(() => undefined);
    this.#call.on('data', (bytes: Buffer) => this.#onResponse(bytes));
    this.#request({ node: { id: 'bench', cluster: '', userAgentName: 'bench' }, responseNonce: 'junk' });
  }

  /** The next response that `accept` takes; all others are acknowledged and dropped. */
  next(accept: (bytes: Buffer) => boolean, timeoutMs: number): Promise<RawResponse> {
    const answer = new Promise<RawResponse>((resolve) => {
      const look = (response: RawResponse) => {
        if (!accept(response.bytes)) return false;
        resolve(response);
        return true;
      };
      this.#waiting.add(look);
    });
    const timeout = delay(timeoutMs, undefined, { ref: false }).then(() => {
      throw new Error(`no response in ${timeoutMs} ms`);
    });
    return Promise.race([answer, this.#failed, timeout]);
  }

  close(): void {
    this.#call.on('error', () => undefined);
    this.#call.cancel();
    this.#client.close();
  }

  #onResponse(bytes: Buffer): void {
    const response = { bytes, atMs: performance.now() };
    const { versionInfo, nonce } = header(bytes);
    this.#request({ versionInfo, responseNonce: nonce });
    for (const look of this.#waiting) if (look(response)) this.#waiting.delete(look);
  }

  #request(fields: Partial<DiscoveryRequest>): void {
    const request = DiscoveryRequest.fromPartial({ typeUrl: serviceEntry, ...fields });
    this.#call.write(Buffer.from(DiscoveryRequest.encode(request).finish()));
  }
}

/** Skips from field to field: version_info is 1, nonce 5, resources 2. */
function header(bytes: Buffer): { versionInfo: string; nonce: string } {
  let versionInfo = '';
  let nonce = '';
  for (const { field, start, end } of fieldsOf(bytes)) {
    if (field === 1) versionInfo = bytes.toString('utf8', start, end);
    if (field === 5) nonce = bytes.toString('utf8', start, end);
  }
  return { versionInfo, nonce };
}

/** How many resources a response holds. */
export function countResources(bytes: Buffer): number {
  let count = 0;
  for (const { field } of fieldsOf(bytes)) if (field === 2) count++;
  return count;
}

function* fieldsOf(bytes: Buffer): Generator<{ field: number; start: number; end: number }> {
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++] ?? 0;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    yield { field: tag >> 3, start: at, end: at + length };
    at += length;
  }
}
