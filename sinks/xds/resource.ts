import { hash } from 'node:crypto';
import { Any } from '../../proto/gen/any.js';
import { type Encoder, encode, encodeMessage } from '../grpc/encode.js';
import type { XdsResource } from '../grpc/xds-resource.js';
import type { ServedType } from './types.js';

const versionLength = 22;

/** A resource of encoded bytes; its version is 22 characters of base64url, a hash of them. */
export function resourceOf(
  typeUrl: ServedType,
  name: string,
  value: Buffer,
  wildcard: XdsResource['wildcard'],
): XdsResource {
  const version = hash('sha256', value, 'base64url').slice(0, versionLength);
  return { typeUrl, name, version, any: encodeMessage(Any, { typeUrl, value }), wildcard };
}

/** An extension's configuration, as resources carry it within. */
export function anyOf<Message>(typeUrl: string, encoder: Encoder<Message>, message: Message): Any {
  return { typeUrl, value: encodeMessage(encoder, message) };
}

/** What stands before the bytes of a length-delimited field. */
export function fieldHead(field: number, byteLength: number): Buffer {
  return encode((writer) => writer.uint32((field << 3) | 2).uint32(byteLength));
}
