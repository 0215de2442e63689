import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/**
 * As much of Thrift as a call without arguments takes: the framed transport with the strict binary protocol, see
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md.
 */
const messageTypes = { call: 1, reply: 2, exception: 3 } as const;
const stringField = 11;

export interface ThriftBackend {
  readonly port: number;
  /** Names of the methods called, as they came. */
  readonly called: readonly string[];
  close(): Promise<void>;
}

/** Answers every call with a text. */
export async function startThriftBackend(text: string): Promise<ThriftBackend> {
  const called: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    onFrames(socket, (frame) => {
      const { name, sequence } = parseMessage(frame);
      called.push(name);
      socket.write(message(messageTypes.reply, name, sequence, text));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    called,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Calls a method without arguments. @returns the text of the answer. @throws Error with the exception's */
export function callThrift(port: number, method: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => void socket.write(message(messageTypes.call, method, 7)));
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer within 5 s')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    onFrames(socket, (frame) => {
      const { type, text } = parseMessage(frame);
      if (type === messageTypes.reply) resolve(text);
      else reject(new Error(text));
      socket.destroy();
    });
  });
}

function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let buffered = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    buffered = Buffer.concat([buffered, bytes]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUInt32BE(0)) {
      const end = 4 + buffered.readUInt32BE(0);
      take(buffered.subarray(4, end));
      buffered = buffered.subarray(end);
    }
  });
}

function message(type: number, name: string, sequence: number, text?: string): Buffer {
  const body = Buffer.concat([
    uint32(0x8001_0000 + type),
    string(name),
    uint32(sequence),
    ...(text === undefined ? [] : [Buffer.from([stringField, 0, 0]), string(text)]),
    Buffer.from([0]),
  ]);
  return Buffer.concat([uint32(body.length), body]);
}

/** The first field is taken for a text, which those of answers and exceptions are. */
function parseMessage(frame: Buffer): { type: number; name: string; sequence: number; text: string } {
  const nameEnd = 8 + frame.readUInt32BE(4);
  const field = nameEnd + 4;
  const isText = frame[field] === stringField;
  const text = isText ? frame.toString('utf8', field + 7, field + 7 + frame.readUInt32BE(field + 3)) : '';
  const name = frame.toString('utf8', 8, nameEnd);
  return { type: frame.readUInt32BE(0) & 0xff, name, sequence: frame.readUInt32BE(nameEnd), text };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function string(text: string): Buffer {
  return Buffer.concat([uint32(Buffer.byteLength(text)), Buffer.from(text)]);
}
