import { createSocket } from 'node:dgram';
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
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    let strays = 0;
    const end = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      // A late error of a socket that is being closed has nobody to tell.
      socket.on('error', () => undefined);
      socket.close();
      act();
    };
    const onAbort = () => end(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (bytes) => {
      const answer = tryDecode(bytes, expected);
      if (answer instanceof Error) return end(() => reject(answer));
      if (answer) return end(() => resolve(answer));
      if (++strays > maxStrayMessages) end(() => reject(new WireError('too many answers to other queries')));
    });
    // Connected: the system gives on what comes from this server alone.
    socket.connect(port, host, () => {
      socket.send(query, (error) => {
        if (error) end(() => reject(error));
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
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const end = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
      act();
    };
    const onAbort = () => end(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => end(() => reject(new WireError('the connection was closed before the answer'))));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const length = received.length < 2 ? undefined : received.readUInt16BE(0);
      if (length === undefined || received.length < length + 2) return;
      const answer = tryDecode(received.subarray(2, length + 2), expected);
      if (answer && !(answer instanceof Error)) return end(() => resolve(answer));
      end(() => reject(answer ?? new WireError('the answer is to another query')));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
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
