import { BinaryWriter } from '@bufbuild/protobuf/wire';

const versionInfoTag = (1 << 3) | 2;
const typeUrlTag = (4 << 3) | 2;
const nonceTag = (5 << 3) | 2;

/** The parts of a DiscoveryResponse around its resources: `head`, then each resource as field 2, then `tail`. */
export function responseFrame(fields: { version: string; typeUrl: string; nonce: string }): {
  head: Buffer;
  tail: Buffer;
} {
  const head = new BinaryWriter().uint32(versionInfoTag).string(fields.version);
  const tail = new BinaryWriter().uint32(typeUrlTag).string(fields.typeUrl).uint32(nonceTag).string(fields.nonce);
  return { head: Buffer.from(head.finish()), tail: Buffer.from(tail.finish()) };
}
