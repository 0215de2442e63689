import { createHash } from 'node:crypto';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Any } from '../../proto/gen/any.js';
import type { XdsResource } from '../grpc/xds-resource.js';
import type { ServedType } from './types.js';

/** A message of ts-proto's, as far as it is needed to encode one. */
interface Encoder<Message> {
  encode(message: Message): BinaryWriter;
}

/** A resource of encoded bytes; its version is 22 characters of base64url, a hash of them. */
export function resourceOf(
  typeUrl: ServedType,
  name: string,
  value: Buffer,
  wildcard: XdsResource['wildcard'],
): XdsResource {
  const version = createHash('sha256').update(value).digest().subarray(0, 16).toString('base64url');
  const any = asBuffer(Any.encode({ typeUrl, value }).finish());
  return { typeUrl, name, version, any, wildcard };
}

/** An extension's configuration, as resources carry it within. */
export function anyOf<Message>(typeUrl: string, encoder: Encoder<Message>, message: Message): Any {
  return { typeUrl, value: asBuffer(encoder.encode(message).finish()) };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What stands before the bytes of a length-delimited field. */
export function fieldHead(field: number, byteLength: number): Buffer {
  return asBuffer(
    new BinaryWriter()
      .uint32((field << 3) | 2)
      .uint32(byteLength)
      .finish(),
  );
}
