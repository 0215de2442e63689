import { Agent, errors } from 'undici';
import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import { linkSignal, type TlsClient, tlsConnector } from '../../core/plugin/index.js';
import type { NacosMetrics, RequestResult } from './metrics.js';
import { NacosError, toError } from './nacos-error.js';
import type { NacosServer } from './server.js';
import type { RequestCredentials } from './signing.js';

/** Largest answer that is read, in bytes. */
const maxAnswerBytes = 16 * 1024 * 1024;
const connectionsPerServer = 4;

export interface HttpRequest {
  /** Below the context path, as `/v1/auth/login`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Makes it a POST. */
  readonly form?: Readonly<Record<string, string>>;
  readonly credentials?: RequestCredentials;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export interface NacosHttpOptions {
  readonly servers: readonly NacosServer[];
  readonly tls: TlsClient | undefined;
  readonly timeoutMs: number;
  readonly metrics: NacosMetrics;
}

/** Nacos's HTTP API, for what its gRPC protocol lacks: the login, the namespaces, the names in all groups. */
export class NacosHttp {
  readonly #servers: readonly NacosServer[];
  readonly #tls: TlsClient | undefined;
  readonly #timeoutMs: number;
  readonly #metrics: NacosMetrics;
  #agent: Agent | undefined;
  /** Where the last request was answered, which the next one begins with. */
  #first = 0;

  constructor({ servers, tls, timeoutMs, metrics }: NacosHttpOptions) {
    this.#servers = servers;
    this.#tls = tls;
    this.#timeoutMs = timeoutMs;
    this.#metrics = metrics;
  }

  /**
   * Asks one server after another until one answers, and gives the JSON object of the answer.
   *
   * @throws NacosError with the HTTP status of a refusal, 0 when no server answered; the signal's reason
   */
  async request(request: HttpRequest, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    let failure: Error | undefined;
    for (let tried = 0; tried < this.#servers.length; tried++) {
      const index = (this.#first + tried) % this.#servers.length;
      const server = this.#servers[index];
      if (server === undefined) continue;
      try {
        const answer = await this.requestOf(server, request, signal);
        this.#first = index;
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        // What one server refuses, all of the cluster do; a fault is worth another server.
        if (error instanceof NacosError && error.code >= 400 && error.code < 500) throw error;
        failure = toError(error);
      }
    }
    throw failure ?? new NacosError('no server is configured', 0);
  }

  /** Asks one server. @throws as {@link request} */
  async requestOf(
    server: NacosServer,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    const where = `${server.baseUrl}${request.path}`;
    const { status, text } = await this.ask(server, request, signal);
    if (status !== 200) throw new NacosError(`${where} answered ${status} ${reasonOf(text)}`, status);
    return parseAnswer(text, where);
  }

  /**
   * Asks one server, and gives its answer whatever it is.
   *
   * @throws NacosError with code 0 when there is none; the signal's reason
   */
  async ask(server: NacosServer, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const where = `${server.baseUrl}${request.path}`;
    const agent = this.#connect();
    const { controller: ended, release } = linkSignal(signal);
    const timer = setTimeout(() => ended.abort(new Error('too late')), this.#timeoutMs);
    let result: RequestResult = 'failed';
    try {
      signal.throwIfAborted();
      const { statusCode, body } = await agent.request({ ...toWire(server, request), signal: ended.signal });
      const text = await readText(body);
      result = resultOf(statusCode);
      return { status: statusCode, text };
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof NacosError) throw cause;
      if (ended.signal.aborted) throw new NacosError(`${where} did not answer in ${this.#timeoutMs} ms`, 0, { cause });
      throw new NacosError(`${where} is out of reach: ${toError(cause).message}`, 0, { cause });
    } finally {
      this.#metrics.requested('http', result);
      clearTimeout(timer);
      release();
    }
  }

  /** Ends all connections. The object can be used again. */
  async close(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    await agent?.destroy();
  }

  #connect(): Agent {
    this.#agent ??= new Agent({
      connections: connectionsPerServer,
      connect: tlsConnector(this.#tls, this.#timeoutMs),
    });
    return this.#agent;
  }
}

function toWire(server: NacosServer, { path, query = {}, form, credentials, headers = {} }: HttpRequest) {
  const { accessToken, signed = {}, signedAs } = credentials ?? {};
  const parameters = { ...query, ...(signedAs === 'parameters' && signed) };
  const search = new URLSearchParams(parameters).toString();
  return {
    origin: new URL(server.baseUrl).origin,
    path: `${new URL(`${server.baseUrl}${path}`).pathname}${search === '' ? '' : `?${search}`}`,
    method: form ? ('POST' as const) : ('GET' as const),
    headers: {
      accept: 'application/json, text/plain',
      ...headers,
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      // Servers of 1.x look for the second. Neither stands in the URL, which goes into the server's access log.
      ...(accessToken !== undefined && { accessToken, authorization: `Bearer ${accessToken}` }),
      ...(signedAs === 'headers' && signed),
    },
    body: form ? new URLSearchParams(form).toString() : null,
  };
}

function resultOf(status: number): RequestResult {
  if (status === 401 || status === 403) return 'refused';
  return status < 400 || status === 404 ? 'ok' : 'failed';
}

/** Nacos 2.3 answers a login with a wrong password in a way that is no HTTP: with status 0. */
export function isMalformedAnswer(error: unknown): boolean {
  return error instanceof NacosError && error.cause instanceof errors.HTTPParserError;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw new NacosError(`the answer is larger than ${maxAnswerBytes} bytes`, 0);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string, where: string): Readonly<Record<string, unknown>> {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw new NacosError(`${where} answered something else than JSON`, 0, { cause });
  }
  if (!isRecord(answer)) throw new NacosError(`${where} answered something else than a JSON object`, 0);
  return answer;
}

/** Spring's error page and Nacos's own errors are JSON with a message; some are plain text. */
function reasonOf(text: string): string {
  try {
    const error: unknown = JSON.parse(text);
    return isRecord(error) ? printable(error['message'] ?? error['error']) : '';
  } catch {
    return printable(text);
  }
}
