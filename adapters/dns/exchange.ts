import { createSocket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import type { HostPort } from '../../core/plugin/index.js';
import { type DnsMessage, decodeMessage, WireError } from './wire.js';

/** Whether a message is the answer that is waited for; others are ignored, for anybody can send them. */
export type Expected = (message: DnsMessage) => boolean;

const maxStrayMessages = 100;

/**
 * Sends a query over UDP, from a port of the system's choice, and waits for its answer.
 * @throws Error of the network, WireError, or the signal's reason
 */
export function exchangeUdp(
  { host, port }: HostPort,
  query: Buffer,
  expected: Expected,
  signal: AbortSignal,
): Promise<DnsMessage> {
  const open = () => createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  return exchange({ open, close: (socket) => socket.close() }, signal, (socket, settle) => {
    let strays = 0;
    socket.on('message', (bytes) => {
      const answer = tryDecode(bytes, expected);
      if (answer) settle(answer);
      else if (++strays > maxStrayMessages) settle(new WireError('too many answers to other queries'));
    });
    // Connected: the system gives on what comes from this server alone.
    socket.connect(port, host, () => {
      socket.send(query, (error) => {
        if (error) settle(error);
      });
    });
  });
}

/** The same over TCP, where an answer may be longer. */
export function exchangeTcp(
  { host, port }: HostPort,
  query: Buffer,
  expected: Expected,
  signal: AbortSignal,
): Promise<DnsMessage> {
  const open = () => connect({ host, port });
  return exchange({ open, close: (socket) => socket.destroy() }, signal, (socket, settle) => {
    let received = Buffer.alloc(0);
    socket.on('close', () => settle(new WireError('the connection was closed before the answer')));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const length = received.length < 2 ? undefined : received.readUInt16BE(0);
      if (length === undefined || received.length < length + 2) return;
      const answer = tryDecode(received.subarray(2, length + 2), expected);
      settle(answer ?? new WireError('the answer is to another query'));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}

/** How a socket of one kind begins and ends. */
interface Ends<S> {
  open(): S;
  close(socket: S): void;
}

/** Opens a socket for one query, and closes it with whatever comes first: the answer, an error, or the abort. */
function exchange<S extends EventEmitter>(
  { open, close }: Ends<S>,
  signal: AbortSignal,
  talk: (socket: S, settle: (result: DnsMessage | Error) => void) => void,
): Promise<DnsMessage> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = open();
    let isOver = false;
    const end = () => {
      isOver = true;
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      // A late error of a socket that is being closed has nobody to tell.
      socket.on('error', () => undefined);
      close(socket);
    };
    const onAbort = () => {
      end();
      reject(signal.reason);
    };
    const settle = (result: DnsMessage | Error) => {
      if (isOver) return;
      end();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', settle);
    talk(socket, settle);
  });
}

function tryDecode(bytes: Buffer, expected: Expected): DnsMessage | WireError | undefined {
  try {
    const message = decodeMessage(bytes);
    return expected(message) ? message : undefined;
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}
