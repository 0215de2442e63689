import { MetadataError } from '../metadata-info.js';
import { hessianMap, hessianString } from './hessian-strings.js';

/**
 * The dubbo protocol's frame (org.apache.dubbo.remoting.exchange.codec.ExchangeCodec): 16 bytes of head - magic, flags
 * with the serialization, status, request id, length - and a body.
 */
const magic = 0xdabb;
const headLength = 16;
const flagRequest = 0x80;
const flagTwoWay = 0x40;
const flagEvent = 0x20;
const serializationMask = 0x1f;
const hessian2 = 2;
export const statusOk = 20;

const service = 'org.apache.dubbo.metadata.MetadataService';

/** `MetadataService.getMetadataInfo(revision)`, V1; the group is the application, and needed. */
export function metadataRequest(application: string, revision: string, requestId: number): Buffer {
  const body = Buffer.concat([
    // DubboCodec.encodeRequestData: version of the protocol, path, version, method, descriptor, arguments, attachments.
    ...['2.0.2', service, '1.0.0', 'getMetadataInfo', 'Ljava/lang/String;', revision].map(hessianString),
    hessianMap({ path: service, interface: service, version: '1.0.0', group: application }),
  ]);
  const head = Buffer.alloc(headLength);
  head.writeUInt16BE(magic, 0);
  head[2] = flagRequest | flagTwoWay | hessian2;
  head.writeBigUInt64BE(BigInt(requestId), 4);
  head.writeUInt32BE(body.length, 12);
  return Buffer.concat([head, body]);
}

export interface DubboResponse {
  readonly status: number;
  readonly body: Buffer;
}

/** Finds the answer to one request in what a provider sends; its heart-beats and events are passed over. */
export class ResponseFinder {
  readonly #requestId: bigint;
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(requestId: number, maxBytes: number) {
    this.#requestId = BigInt(requestId);
    this.#maxBytes = maxBytes;
  }

  /**
   * @returns the answer once it is there whole
   * @throws MetadataError for bytes that are not the protocol's, or more than are wanted
   */
  push(chunk: Buffer): DubboResponse | undefined {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (;;) {
      if (this.#length < headLength) return undefined;
      const head = this.#peek(headLength);
      if (head.readUInt16BE(0) !== magic)
        throw new MetadataError('the provider does not speak the dubbo protocol there');
      const length = head.readUInt32BE(12);
      if (length > this.#maxBytes) throw new MetadataError(`the metadata are longer than ${this.#maxBytes} bytes`);
      if (this.#length < headLength + length) return undefined;
      const frame = this.#take(headLength + length);
      const flags = frame[2] ?? 0;
      const isAnswer = (flags & (flagRequest | flagEvent)) === 0 && frame.readBigUInt64BE(4) === this.#requestId;
      if (!isAnswer) continue;
      if ((flags & serializationMask) !== hessian2) {
        throw new MetadataError('the metadata came in another form than Hessian');
      }
      return { status: frame[3] ?? 0, body: frame.subarray(headLength) };
    }
  }

  /** Joined only when a frame is there whole, or the head is in pieces: not with every packet. */
  #peek(length: number): Buffer {
    const [first] = this.#chunks;
    if (first && first.length >= length) return first;
    return this.#join();
  }

  #take(length: number): Buffer {
    const whole = this.#join();
    this.#chunks.length = 0;
    if (whole.length > length) this.#chunks.push(whole.subarray(length));
    this.#length -= length;
    return whole.subarray(0, length);
  }

  #join(): Buffer {
    const whole = Buffer.concat(this.#chunks);
    this.#chunks.splice(0, this.#chunks.length, whole);
    return whole;
  }
}
