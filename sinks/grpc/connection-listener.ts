import { createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort } from '../../core/plugin/index.js';
import { ConnectionUse } from './port-limits.js';

export interface ConnectionHandlers {
  onConnection(socket: Socket): void;
  /** A connection over the limit was closed at once. */
  onDropped(peer: string): void;
  /** A connection could not be accepted, as when the process has no more file descriptors. */
  onError(error: Error): void;
}

interface Connection {
  readonly socket: Socket;
  readonly use: ConnectionUse;
}

/**
 * A listening TCP port whose connections can be closed one by one, by peer address as `call.getPeer()` writes it:
 * gRPC has no way to be rid of a peer that stopped reading.
 */
export class ConnectionListener {
  readonly #server: Server;
  readonly #connections = new Map<string, Connection>();

  constructor(maxConnections: number, { onConnection, onDropped, onError }: ConnectionHandlers) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      this.#connections.set(peer, { socket, use: new ConnectionUse() });
      socket.once('close', () => this.#connections.delete(peer));
      onConnection(socket);
    });
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', (data) => onDropped(`${data?.remoteAddress}:${data?.remotePort}`));
    this.#server.on('error', (error) => {
      if (this.#server.listening) onError(error);
    });
  }

  /** @returns where it listens. @throws Error that names the address, as when another process has it. */
  listen({ host, port }: HostPort): Promise<HostPort> {
    return new Promise((resolve, reject) => {
      const fail = (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'the address is in use' : cause.message;
        reject(new Error(`cannot listen on ${formatHostPort({ host, port })}: ${why}`, { cause }));
      };
      this.#server.once('error', fail);
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.off('error', fail);
        const address = this.#server.address();
        resolve({ host, port: typeof address === 'object' && address ? address.port : port });
      });
    });
  }

  /** What an open connection is used for; undefined when it is gone. */
  use(peer: string): ConnectionUse | undefined {
    return this.#connections.get(peer)?.use;
  }

  /** Drops one connection, with what is still to be written on it. */
  drop(peer: string): void {
    this.#connections.get(peer)?.socket.destroy();
  }

  dropAll(): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
  }

  /** Takes no more connections; those that are open stay. */
  stopListening(): void {
    this.#server.close();
  }
}
