import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { isAllowedSan, parseSubjectAltNames } from './san-allow-list.js';

/** Paths of PEM files, and who may connect. */
export interface ServerTlsConfig {
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates, which are asked for then and have to be good. */
  readonly clientCa?: string | undefined;
  /** Names of which a client certificate must have one; empty: any that an authority signed. */
  readonly clientSans: readonly string[];
}

export interface ServerTlsHandlers {
  /** The handshake is over, and the client is who it may be. */
  onSecure(socket: TLSSocket): void;
  /** A handshake failed, or the client's certificate is not allowed; the connection is closed. */
  onRefused(peer: string, reason: string): void;
  /** A file has changed and cannot be used: what was read before stays in use. */
  onFileError(error: Error): void;
}

const handshakeTimeoutMs = 10_000;
const maxBytes = 1024 * 1024;

/**
 * The TLS side of a port: 1.2 or newer, HTTP/2 alone. The files are looked at with each connection, so that a renewed
 * certificate is taken with the next, with no restart; connections that are open stay.
 */
export class ServerTls {
  readonly #config: ServerTlsConfig;
  readonly #handlers: ServerTlsHandlers;
  /** It listens on nothing: connections are handed to it. */
  readonly #server: Server;
  /** Of the files, when they were read last. */
  #stamp = '';
  #refreshing: Promise<void> | undefined;

  constructor(config: ServerTlsConfig, handlers: ServerTlsHandlers) {
    this.#config = config;
    this.#handlers = handlers;
    this.#server = createServer({
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      requestCert: config.clientCa !== undefined,
      rejectUnauthorized: config.clientCa !== undefined,
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#admit(socket));
    this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      handlers.onRefused(peerOf(socket), error.message);
      socket.destroy();
    });
  }

  /** Reads the files for the first time. @throws Error that names the file and what is wrong */
  async load(): Promise<void> {
    const stamp = await this.#readStamp();
    this.#server.setSecureContext(await this.#read());
    this.#stamp = stamp;
  }

  /** Takes a connection that has just been accepted. */
  accept(socket: Socket): void {
    // What goes wrong before the handshake is over has no other listener.
    socket.on('error', () => socket.destroy());
    void this.#refresh().then(() => {
      if (!socket.destroyed) this.#server.emit('connection', socket);
    });
  }

  /** Connections that come together look once. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#reloadIfChanged()
      .catch((error: Error) => this.#handlers.onFileError(error))
      .finally(() => {
        this.#refreshing = undefined;
      });
    return this.#refreshing;
  }

  async #reloadIfChanged(): Promise<void> {
    const stamp = await this.#readStamp();
    if (stamp === this.#stamp) return;
    this.#server.setSecureContext(await this.#read());
    this.#stamp = stamp;
  }

  /** Differs whenever a file is another; links are followed, so that mounted secrets count. */
  async #readStamp(): Promise<string> {
    const stats = await Promise.all(
      this.#paths().map((path) =>
        stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => Promise.reject(unreadable(path, error))),
      ),
    );
    return stats.map(({ dev, ino, size, mtimeNs }) => `${dev}:${ino}:${size}:${mtimeNs}`).join(' ');
  }

  async #read(): Promise<SecureContextOptions> {
    const { cert, key, clientCa } = this.#config;
    const [certPem, keyPem, caPem] = await Promise.all([
      read(cert),
      read(key),
      clientCa === undefined ? undefined : read(clientCa),
    ]);
    const certificate = parsed(cert, 'certificate', () => new X509Certificate(certPem));
    const privateKey = parsed(key, 'key without a passphrase', () => createPrivateKey(keyPem));
    if (!certificate.checkPrivateKey(privateKey)) throw new Error(`${key} is not the key of ${cert}`);
    if (caPem) parsed(clientCa ?? '', 'certificate', () => new X509Certificate(caPem));
    return { cert: certPem, key: keyPem, ...(caPem && { ca: caPem }), minVersion: 'TLSv1.2' };
  }

  #paths(): string[] {
    const { cert, key, clientCa } = this.#config;
    return clientCa === undefined ? [cert, key] : [cert, key, clientCa];
  }

  #admit(socket: TLSSocket): void {
    const { clientCa, clientSans } = this.#config;
    if (socket.alpnProtocol !== 'h2') {
      this.#refuse(socket, 'it speaks no HTTP/2 (ALPN h2)');
    } else if (clientCa !== undefined && clientSans.length > 0) {
      const names = parseSubjectAltNames(socket.getPeerX509Certificate()?.subjectAltName ?? '');
      if (isAllowedSan(names, clientSans)) this.#handlers.onSecure(socket);
      else this.#refuse(socket, 'no name of its certificate is in clientSans');
    } else {
      this.#handlers.onSecure(socket);
    }
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#handlers.onRefused(peerOf(socket), reason);
    socket.destroy();
  }
}

function peerOf({ remoteAddress, remotePort }: TLSSocket): string {
  return `${remoteAddress}:${remotePort}`;
}

async function read(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => Promise.reject(unreadable(path, error)));
  if (bytes.length > maxBytes) throw new Error(`cannot read ${path}: it is larger than a megabyte`);
  return bytes;
}

function unreadable(path: string, { code, message }: NodeJS.ErrnoException): Error {
  return new Error(`cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
}

/** The parser's own words may show what is in the file. */
function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new Error(`${path} holds no PEM ${what}`);
  }
}
