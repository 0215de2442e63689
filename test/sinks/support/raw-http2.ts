import { connect, type Socket } from 'node:net';

/** One literal header that no table takes up (RFC 7541 6.2.2); both texts below 127 characters. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Opens a stream of gRPC with these headers and no others, as no library would. @returns the open connection */
export function openRawStream(address: string, headers: Readonly<Record<string, string>>): Socket {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined); // a reset is one of the answers
  const settings = frame(4, 0, 0, Buffer.alloc(0));
  const block = Buffer.concat(Object.entries(headers).map(([name, value]) => literal(name, value)));
  const endOfHeaders = 4;
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, frame(1, endOfHeaders, 1, block)]),
  );
  return socket;
}
