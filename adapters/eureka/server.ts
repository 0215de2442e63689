import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import { isRecord } from '../../core/model/is-record.js';
import { tlsConnector } from '../../core/plugin/index.js';
import { ApplicationSplitter, ListingError, type ListingHeader, parseJson } from './application-splitter.js';
import type { EurekaConfig } from './config.js';
import { listOf } from './fields.js';

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

export type ServerOptions = Pick<
  EurekaConfig,
  'username' | 'password' | 'tls' | 'regions' | 'requestTimeoutMs' | 'maxResponseBytes'
>;

export type Resource = 'apps' | 'apps/delta' | 'compact delta';

type AnswerKind = 'json' | 'compact json' | 'html';

const acceptHeaders: Readonly<Record<AnswerKind, Readonly<Record<string, string>>>> = {
  json: { accept: 'application/json' },
  // `EurekaAccept` of Eureka; who does not know it answers as usual.
  'compact json': { accept: 'application/json', 'x-eureka-accept': 'compact' },
  html: { accept: 'text/html' },
};

const connectTimeoutMs = 5000;
/** A listing may take this many times what its beginning may, however steadily it drips. */
const wholeAnswerFactor = 6;
const maxApplicationBytes = 16 * 1024 * 1024;
const dumpedBytes = 64 * 1024;
const maxPageBytes = 1024 * 1024;
/** Nobody waits for the page. */
const maxPageMs = 5000;
const jsonType = /^application\/([a-z.+-]+\+)?json\b/i;
const xmlType = /^(?:application|text)\/([a-z.+-]+\+)?xml\b/i;

/** One Eureka server: `GET` of its listings, as JSON, each application given on as it arrives. */
export class EurekaServer {
  readonly url: string;
  readonly #pool: Pool;
  readonly #path: string;
  readonly #options: ServerOptions;

  constructor(url: string, options: ServerOptions) {
    const { origin, pathname } = new URL(url);
    this.url = url;
    this.#path = pathname.replace(/\/+$/, '');
    this.#options = options;
    this.#pool = new Pool(origin, {
      connections: 2,
      headersTimeout: options.requestTimeoutMs,
      bodyTimeout: options.requestTimeoutMs,
      keepAliveTimeout: 15_000,
      connect: tlsConnector(options.tls, Math.min(connectTimeoutMs, options.requestTimeoutMs)),
    });
  }

  /**
   * Reads `/apps` or `/apps/delta` to its end.
   * @param resource `compact delta`: the delta with less of each instance, which the server makes up and keeps by itself
   * @param onApplication called with the parsed JSON of each application; nothing counts until the promise resolves
   * @throws StatusError, ListingError, an error of the connection, or the signal's reason
   */
  async read(
    resource: Resource,
    onApplication: (application: unknown) => void,
    signal: AbortSignal,
  ): Promise<ListingHeader> {
    const limits = { maxBytes: this.#options.maxResponseBytes, maxApplicationBytes };
    const splitter = new ApplicationSplitter(limits, onApplication);
    const totalMs = this.#options.requestTimeoutMs * wholeAnswerFactor;
    const { regions } = this.#options;
    const query = regions.length === 0 ? '' : `?regions=${regions.map(encodeURIComponent).join(',')}`;
    const path = `${this.#path}/${resource === 'apps' ? 'apps' : 'apps/delta'}${query}`;
    const kind = resource === 'compact delta' ? 'compact json' : 'json';
    await within(totalMs, signal, (until) => this.#get(path, kind, (chunk) => splitter.push(chunk), until));
    return splitter.end();
  }

  /**
   * Reads the instances of one application, or of all with a VIP address, as the server has them now.
   * @returns each application's parsed JSON; none when there is none of this name
   * @throws as {@link read}
   */
  async find(by: 'apps' | 'vips' | 'svips', name: string, signal: AbortSignal): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    const path = `${this.#path}/${by}/${encodeURIComponent(name)}`;
    const text = await this.#lookUp(path, this.#options.requestTimeoutMs * wholeAnswerFactor, signal);
    if (text === undefined) return found;
    const json = parseJson(text);
    const applications = isRecord(json) ? json['applications'] : undefined;
    if (isRecord(json) && isRecord(json['application'])) found.push(json['application']);
    if (isRecord(applications)) found.push(...listOf(applications['application']));
    return found;
  }

  /** Whether the server has an instance now; this is answered out of no cache. @throws as {@link read} */
  async has(application: string, id: string, signal: AbortSignal): Promise<boolean> {
    const path = `${this.#path}/apps/${encodeURIComponent(application)}/${encodeURIComponent(id)}`;
    return (await this.#lookUp(path, this.#options.requestTimeoutMs, signal)) !== undefined;
  }

  /** Reads the status page of the server's own web pages. @throws as {@link read} */
  async dashboard(dashboardPath: string, signal: AbortSignal): Promise<string> {
    const base = this.#path.replace(/\/eureka(?:\/v2)?$/, '');
    const path = `${base}${dashboardPath.replace(/\/+$/, '')}/lastn`;
    const answer = new BoundedBody(maxPageBytes);
    const limitMs = Math.min(this.#options.requestTimeoutMs, maxPageMs);
    await within(limitMs, signal, (until) => this.#get(path, 'html', (chunk) => answer.push(chunk), until));
    return answer.text();
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  /** @returns undefined when there is nothing of this name */
  async #lookUp(path: string, limitMs: number, signal: AbortSignal): Promise<string | undefined> {
    const answer = new BoundedBody(maxApplicationBytes);
    try {
      await within(limitMs, signal, (until) => this.#get(path, 'json', (chunk) => answer.push(chunk), until));
      return answer.text();
    } catch (error) {
      if (error instanceof StatusError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** @param take called with each part of the body, decompressed */
  async #get(path: string, kind: AnswerKind, take: (chunk: Uint8Array) => void, signal: AbortSignal) {
    const headers = { ...acceptHeaders[kind], 'accept-encoding': 'gzip', ...this.#authorization() };
    const response = await this.#pool.request({ method: 'GET', path, headers, signal });
    const refusal = refusalOf(response, kind);
    if (refusal) {
      await response.body.dump({ limit: dumpedBytes, signal });
      throw refusal;
    }
    let refused: unknown;
    const takeAll = async (source: AsyncIterable<Uint8Array>) => {
      for await (const chunk of source) {
        try {
          take(chunk);
        } catch (error) {
          refused = error;
          throw error;
        }
      }
    };
    try {
      if (header(response, 'content-encoding') === 'gzip')
        await pipeline(response.body, createGunzip(), takeAll, { signal });
      else await pipeline(response.body, takeAll, { signal });
    } catch (error) {
      // The pipeline may tell of the abort that follows instead of its cause.
      throw refused ?? error;
    }
  }

  #authorization(): Record<string, string> {
    const { username, password } = this.#options;
    if (username === undefined || password === undefined) return {};
    const credentials = Buffer.from(`${username}:${password.reveal()}`).toString('base64');
    return { authorization: `Basic ${credentials}` };
  }
}

/** A whole answer in memory, up to a bound. */
class BoundedBody {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw new ListingError(`the answer is larger than ${this.#maxBytes} bytes`);
    this.#chunks.push(chunk);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** Runs something that may take `limitMs`. @throws what it throws, the signal's reason, or that it took too long */
async function within<T>(limitMs: number, signal: AbortSignal, run: (until: AbortSignal) => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const onAbort = () => ended.abort(signal.reason);
  const timer = setTimeout(() => ended.abort(new Error(`the answer took longer than ${limitMs} ms`)), limitMs);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await run(ended.signal);
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function refusalOf(response: Dispatcher.ResponseData, wanted: AnswerKind): Error | undefined {
  const status = response.statusCode;
  if (status !== 200) return new StatusError(status, `HTTP ${status}${explain(status)}`);
  const type = header(response, 'content-type');
  if (wanted === 'html' && !/^text\/html\b/i.test(type)) return new ListingError('the answer is not HTML');
  if (wanted !== 'html' && xmlType.test(type)) {
    // XML is never parsed: no server needs it, and its entities are a way to attack whoever does.
    return new ListingError('the answer is XML though JSON was asked for, which Eureka gives from 1.1 on');
  }
  if (wanted !== 'html' && !jsonType.test(type))
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
