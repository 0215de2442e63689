import { BinaryWriter } from '@bufbuild/protobuf/wire';

let writer = new BinaryWriter();

/**
 * What `write` writes, as bytes of their own. One writer serves all: it keeps its buffer, where a new one would grow one
 * from nothing for each message.
 */
export function encode(write: (writer: BinaryWriter) => unknown): Buffer {
  try {
    write(writer);
    const bytes = writer.finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    // It holds the beginning of what could not be written.
    writer = new BinaryWriter();
    throw error;
  }
}
