import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import type { TlsClient } from '../../core/plugin/index.js';
import { ApplicationSplitter, ListingError, type ListingHeader } from './application-splitter.js';
import type { EurekaConfig } from './config.js';

/** An answer with another status than 200. */
export class StatusError extends Error {
  override readonly name = 'StatusError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type ServerOptions = Pick<EurekaConfig, 'username' | 'password' | 'requestTimeoutMs' | 'maxResponseBytes'>;

export type TlsFiles = { -readonly [Key in keyof TlsClient]: Key extends 'serverName' ? string : Buffer };

const connectTimeoutMs = 5000;
/** A listing may take this many times what its beginning may, however steadily it drips. */
const wholeAnswerFactor = 6;
const maxApplicationBytes = 16 * 1024 * 1024;
const dumpedBytes = 64 * 1024;

/** One Eureka server: `GET` of its listings, as JSON, each application given on as it arrives. */
export class EurekaServer {
  readonly url: string;
  readonly #pool: Pool;
  readonly #path: string;
  readonly #options: ServerOptions;

  constructor(url: string, options: ServerOptions, tls: TlsFiles) {
    const { origin, pathname } = new URL(url);
    const { serverName, ...files } = tls;
    this.url = url;
    this.#path = pathname.replace(/\/+$/, '');
    this.#options = options;
    this.#pool = new Pool(origin, {
      connections: 2,
      headersTimeout: options.requestTimeoutMs,
      bodyTimeout: options.requestTimeoutMs,
      keepAliveTimeout: 15_000,
      connect: {
        timeout: Math.min(connectTimeoutMs, options.requestTimeoutMs),
        ...files,
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    });
  }

  /**
   * Reads `/apps` or `/apps/delta` to its end.
   * @param onApplication called with the parsed JSON of each application; nothing counts until the promise resolves
   * @throws StatusError, ListingError, an error of the connection, or the signal's reason
   */
  async read(
    resource: 'apps' | 'apps/delta',
    onApplication: (application: unknown) => void,
    signal: AbortSignal,
  ): Promise<ListingHeader> {
    const totalMs = this.#options.requestTimeoutMs * wholeAnswerFactor;
    const ended = new AbortController();
    const onAbort = () => ended.abort(signal.reason);
    const timer = setTimeout(() => ended.abort(new Error(`the answer took longer than ${totalMs} ms`)), totalMs);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      return await this.#read(resource, onApplication, ended.signal);
    } catch (error) {
      throw ended.signal.aborted ? ended.signal.reason : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #read(resource: string, onApplication: (application: unknown) => void, signal: AbortSignal) {
    const response = await this.#pool.request({
      method: 'GET',
      path: `${this.#path}/${resource}`,
      headers: { accept: 'application/json', 'accept-encoding': 'gzip', ...this.#authorization() },
      signal,
    });
    const refusal = refusalOf(response);
    if (refusal) {
      await response.body.dump({ limit: dumpedBytes, signal });
      throw refusal;
    }
    const limits = { maxBytes: this.#options.maxResponseBytes, maxApplicationBytes };
    const splitter = new ApplicationSplitter(limits, onApplication);
    let refused: unknown;
    const take = async (source: AsyncIterable<Uint8Array>) => {
      for await (const chunk of source) {
        try {
          splitter.push(chunk);
        } catch (error) {
          refused = error;
          throw error;
        }
      }
    };
    try {
      if (header(response, 'content-encoding') === 'gzip')
        await pipeline(response.body, createGunzip(), take, { signal });
      else await pipeline(response.body, take, { signal });
    } catch (error) {
      // The pipeline may tell of the abort that follows instead of its cause.
      throw refused ?? error;
    }
    return splitter.end();
  }

  #authorization(): Record<string, string> {
    const { username, password } = this.#options;
    if (username === undefined || password === undefined) return {};
    const credentials = Buffer.from(`${username}:${password.reveal()}`).toString('base64');
    return { authorization: `Basic ${credentials}` };
  }
}

/** Reads the PEM files of a TLS configuration. @throws Error that names the file */
export async function readTlsFiles(tls: TlsClient = {}): Promise<TlsFiles> {
  const files: TlsFiles = {};
  for (const key of ['ca', 'cert', 'key'] as const) {
    const path = tls[key];
    if (path !== undefined) files[key] = await readFile(path);
  }
  return tls.serverName === undefined ? files : { ...files, serverName: tls.serverName };
}

function refusalOf(response: Dispatcher.ResponseData): Error | undefined {
  const status = response.statusCode;
  if (status !== 200) return new StatusError(status, `HTTP ${status}${explain(status)}`);
  const type = header(response, 'content-type');
  if (!/^application\/([a-z.+-]+\+)?json\b/i.test(type))
    return new ListingError('the answer is not JSON; is this URL a Eureka server?');
  const encoding = header(response, 'content-encoding');
  if (encoding !== '' && encoding !== 'gzip' && encoding !== 'identity') {
    return new ListingError('the answer is in an encoding that was not asked for');
  }
  return undefined;
}

function explain(status: number): string {
  switch (status) {
    case 401:
      return ' Unauthorized: username or password is missing or wrong';
    case 403:
      return ' Forbidden: the user may not read, or the server is still copying from its peers';
    case 404:
      return ' Not Found: there is no Eureka below this URL, which normally ends with /eureka';
    default:
      return '';
  }
}

function header(response: Dispatcher.ResponseData, name: string): string {
  const value = response.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
