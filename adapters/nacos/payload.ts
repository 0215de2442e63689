import { isRecord } from '../../core/model/is-record.js';
import { Payload } from '../../proto/gen/nacos.js';
import { NacosError } from './nacos-error.js';

/** One message of Nacos's gRPC protocol: a type name and a JSON object. */
export interface Message {
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Largest message that is taken, in bytes. Nacos itself sends and takes 10 MiB at most. */
export const maxMessageBytes = 16 * 1024 * 1024;

/** @param headers of the payload's metadata; they carry the access token. */
export function encodeMessage(message: Message, headers: Readonly<Record<string, string>> = {}): Buffer {
  return Buffer.from(
    Payload.encode({
      metadata: { type: message.type, headers, clientIp: '' },
      body: { typeUrl: '', value: Buffer.from(JSON.stringify(message.body)) },
    }).finish(),
  );
}

/** @throws NacosError when the bytes are no payload, or hold no JSON object. */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > maxMessageBytes) throw new NacosError(`a message of ${bytes.length} bytes is too large`, 0);
  let payload: Payload;
  let body: unknown;
  try {
    payload = Payload.decode(bytes);
    const text = payload.body?.value.toString('utf8') ?? '';
    body = text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new NacosError('the server sent bytes that are no Nacos message', 0, { cause });
  }
  if (!isRecord(body)) throw new NacosError('the server sent a message that is no JSON object', 0);
  return { type: payload.metadata?.type ?? '', body };
}
