import { BinaryWriter } from '@bufbuild/protobuf/wire';

let writer = new BinaryWriter();

/** A message of ts-proto's, as far as it is needed to encode one. */
export interface Encoder<Message> {
  encode(message: Message, writer: BinaryWriter): BinaryWriter;
}

/** An encoded message. */
export function encodeMessage<Message>(encoder: Encoder<Message>, message: Message): Buffer {
  return encode((into) => encoder.encode(message, into));
}

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
