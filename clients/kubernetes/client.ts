import { buildConnector, type Dispatcher, Pool } from 'undici';
import { isRecord, printable, secretMark } from '../../core/plugin/index.js';
import type { Access } from './access.js';
import type { AccessTls } from './access-tls.js';
import { failureOf, KubernetesError, toKubernetesError } from './kubernetes-error.js';
import { splitLines } from './lines.js';
import { type Json, textOf } from './objects.js';

export interface ClientOptions {
  readonly access: Access;
  /** How long an answer may take, in ms. */
  readonly requestTimeoutMs: number;
  /** Connections at most; a watch holds one as long as it is open. Default 16. */
  readonly connections?: number;
  /** Largest answer that is read, and largest line of a watch, in bytes. Default 64 MiB. */
  readonly maxResponseBytes?: number;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface WriteOptions {
  readonly method: 'PATCH' | 'POST' | 'PUT' | 'DELETE';
  readonly query?: Query;
  readonly body?: Json;
  /** Default `application/json`. */
  readonly contentType?: string;
}

/** A line of a watch, as the server wrote it. */
export interface WatchLine {
  readonly type: string;
  readonly object: unknown;
}

const mebibyte = 1024 * 1024;
const maxErrorBytes = 65_536;
const maxRetryAfterMs = 600_000;
/** A peer that is gone without a word is noticed by TCP about ten seconds later. */
const keepAliveDelayMs = 10_000;

/** Speaks to one Kubernetes API in JSON over HTTP/1.1, over a bounded number of connections. */
export class KubernetesClient {
  readonly #options: ClientOptions;
  readonly #pool: Pool;
  readonly #basePath: string;
  readonly #maxBytes: number;

  constructor(options: ClientOptions) {
    const { access, connections = 16, requestTimeoutMs, maxResponseBytes = 64 * mebibyte } = options;
    const { origin, pathname } = new URL(access.server);
    this.#options = options;
    this.#basePath = pathname.replace(/\/+$/, '');
    this.#maxBytes = maxResponseBytes;
    this.#pool = new Pool(origin, {
      connections,
      pipelining: 1,
      // Deadlines are this client's own: a watch has none but that it has to speak.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: connectorOf(access.tls, requestTimeoutMs),
    });
  }

  get server(): string {
    return this.#options.access.server;
  }

  /** Reads one object or one page of a list. @throws KubernetesError; the signal's reason */
  get(path: string, query: Query, signal: AbortSignal): Promise<Json> {
    return this.#json({ method: 'GET', path, query }, signal);
  }

  /** Writes. @returns the object as it is now, or a status @throws KubernetesError; the signal's reason */
  write(path: string, options: WriteOptions, signal: AbortSignal): Promise<Json> {
    const { method, query = {}, body, contentType = 'application/json' } = options;
    return this.#json({ method, path, query, body, contentType }, signal);
  }

  /**
   * The events of a watch, a batch for each piece that the network brought. It ends when the server ends it.
   * @param idleMs a watch that says nothing for so long is dead
   * @throws KubernetesError; the signal's reason
   */
  async *watch(path: string, query: Query, idleMs: number, signal: AbortSignal): AsyncGenerator<readonly WatchLine[]> {
    const deadline = new Deadline(signal);
    try {
      deadline.restart(this.#options.requestTimeoutMs, 'no answer');
      const answer = await this.#send({ method: 'GET', path, query: { ...query, watch: true } }, deadline.signal);
      deadline.restart(idleMs, 'a watch that said nothing');
      for await (const lines of splitLines(answer.body, this.#maxBytes)) {
        deadline.restart(idleMs, 'a watch that said nothing');
        yield lines.map((line) => this.#watchLine(line));
      }
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      deadline.end();
    }
  }

  /** Ends every request and connection. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #json(request: Request, signal: AbortSignal): Promise<Json> {
    const deadline = new Deadline(signal);
    try {
      deadline.restart(this.#options.requestTimeoutMs, 'no answer');
      const { body } = await this.#send(request, deadline.signal);
      const value = this.#parse(await readText(body, this.#maxBytes, 'refuse'));
      if (!isRecord(value)) throw this.#error('malformed', 'an answer that is no object');
      return value;
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      deadline.end();
    }
  }

  /** @throws KubernetesError for any answer but a good one */
  async #send(request: Request, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, query, body, contentType } = request;
    const token = await this.#options.access.token(signal);
    const answer = await this.#pool.request({
      method,
      path: `${this.#basePath}${path}${queryText(query)}`,
      headers: {
        accept: 'application/json',
        'user-agent': 'isthmus',
        ...(contentType === undefined || body === undefined ? {} : { 'content-type': contentType }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
    if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
    throw this.#refusal(answer, await readText(answer.body, maxErrorBytes, 'cut'), token);
  }

  #refusal({ statusCode, headers }: Dispatcher.ResponseData, text: string, token: string | undefined): KubernetesError {
    let status: Json = {};
    try {
      const parsed: unknown = JSON.parse(text);
      if (isRecord(parsed)) status = parsed;
    } catch {
      // Not the API itself: a proxy before it answers as it likes.
    }
    const message = textOf(status['message']);
    const said = printable(token === undefined ? message : message.replaceAll(token, secretMark), 500);
    return this.#error(failureOf(statusCode), `status ${statusCode}${said === '' ? '' : `: ${said}`}`, {
      reason: textOf(status['reason']) || undefined,
      retryAfterMs: retryAfterOf(headers['retry-after']),
    });
  }

  #watchLine(line: Buffer): WatchLine {
    const event = this.#parse(line.toString('utf8'));
    if (!isRecord(event) || typeof event['type'] !== 'string') {
      throw this.#error('malformed', 'a watch with an event that has no type');
    }
    return { type: event['type'], object: event['object'] };
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // The parser's own message quotes the text, which may hold anything.
      throw this.#error('malformed', 'an answer that is no JSON');
    }
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof KubernetesError) return error;
    const { message } = toKubernetesError(error);
    return new KubernetesError('unreachable', `${this.server}: ${message}`, { cause: error });
  }

  #error(
    failure: KubernetesError['failure'],
    message: string,
    more: ConstructorParameters<typeof KubernetesError>[2] = {},
  ): KubernetesError {
    return new KubernetesError(failure, `${this.server}: ${message}`, more);
  }
}

interface Request {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly query: Query;
  readonly body?: Json | undefined;
  readonly contentType?: string;
}

/** A signal that aborts with another one, or when a time is over that can be set anew; holds nothing after `end`. */
class Deadline {
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onAbort = () => this.#abort.abort(this.#outer.reason);
  #timer: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal) {
    this.#outer = outer;
    if (outer.aborted) this.#onAbort();
    else outer.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  restart(ms: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(new Error(`${what} in ${ms} ms`)), ms);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#onAbort);
    // What of the answer was not read is not waited for.
    this.#abort.abort(new Error('over'));
  }
}

function connectorOf({ serverName, insecure, ...pem }: AccessTls, timeoutMs: number): buildConnector.connector {
  return buildConnector({
    timeout: timeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelayMs,
    maxCachedSessions: 0,
    ...pem,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(insecure === true ? { rejectUnauthorized: false } : {}),
  });
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** `Retry-After` in seconds, as the API server writes it; in ms, bounded. */
function retryAfterOf(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined || !/^[0-9]{1,9}$/.test(text)) return undefined;
  return Math.min(maxRetryAfterMs, Number(text) * 1000);
}

/** Reads a body of at most `maxBytes`; a longer one is cut, or refused. */
async function readText(body: AsyncIterable<Buffer>, maxBytes: number, over: 'cut' | 'refuse'): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes <= maxBytes) continue;
    if (over === 'cut') break;
    throw new KubernetesError('malformed', `an answer larger than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8', 0, Math.min(bytes, maxBytes));
}
