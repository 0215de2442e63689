import { Agent, type Dispatcher, request } from 'undici';
import type { InstanceResource, Page, ServiceResource, SourceList, WatchEvent } from '../core/api/resources.js';
import { readTextFile, whyUnreadable } from '../core/config/read-file.js';
import { type CliContext, printable } from './context.js';
import { CliError, exitCode } from './exit-code.js';

export interface ServerOptions {
  readonly server?: string;
  readonly tokenFile?: string;
}

export interface ListFilter {
  readonly source?: string;
  /** Glob over hosts. */
  readonly host?: string;
  /** A time of the past, as RFC 3339 has it. */
  readonly at?: string;
}

export const defaultServer = 'http://127.0.0.1:8080';
const answerTimeoutMs = 15_000;
/** For the past, which has to be read from disk; longer than the server lets a request take. */
const pastTimeoutMs = 40_000;
/** The server sends a heartbeat four times in this time. */
const silenceTimeoutMs = 60_000;
const maxLineLength = 64 * 1024 * 1024;

/** Asks a running daemon. Every method throws a CliError that says what to do. */
export class ApiClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent = new Agent({ connect: { timeout: 5000 }, headersTimeout: answerTimeoutMs });

  constructor(context: CliContext, options: ServerOptions) {
    this.#base = baseUrl(options.server ?? context.env['ISTHMUS_SERVER'] ?? defaultServer);
    const token = options.tokenFile === undefined ? context.env['ISTHMUS_TOKEN'] : readToken(options.tokenFile);
    this.#headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  async sources(signal: AbortSignal): Promise<SourceList['items']> {
    return (await this.#json<SourceList>('/api/v1/sources', signal)).items;
  }

  /** All pages. */
  services(filter: ListFilter, signal: AbortSignal): Promise<readonly ServiceResource[]> {
    return this.#all<ServiceResource>('/api/v1/services', filter, signal);
  }

  /** All pages. */
  instances(filter: ListFilter, signal: AbortSignal): Promise<readonly InstanceResource[]> {
    return this.#all<InstanceResource>('/api/v1/instances', filter, signal);
  }

  /** A list, as it is; at most what the server gives at once. */
  list<T extends { readonly items: readonly unknown[] }>(path: string, signal: AbortSignal): Promise<T> {
    return this.#json<T>(path, signal);
  }

  /** One thing. @param timeoutMs how long the server may take */
  async get<T extends object>(path: string, signal: AbortSignal, timeoutMs = answerTimeoutMs): Promise<T> {
    return this.#parse<T>(await this.#text(await this.#get(path, signal, timeoutMs)));
  }

  /** All pages of a list. */
  all<Item>(path: string, signal: AbortSignal): Promise<readonly Item[]> {
    return this.#all<Item>(path, {}, signal);
  }

  /** A page of what is read from disk; `parameters` that are undefined are left out. */
  past<T extends { readonly items: readonly unknown[] }>(
    path: string,
    parameters: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#json<T>(`${path}?${query(parameters)}`, signal, pastTimeoutMs);
  }

  /** Has the server do something. @param timeoutMs how long it may take */
  async post<T extends object>(
    path: string,
    body: object,
    signal: AbortSignal,
    timeoutMs = answerTimeoutMs,
  ): Promise<T> {
    const response = await this.#send('POST', path, signal, timeoutMs, JSON.stringify(body));
    return this.#parse<T>(await this.#text(response));
  }

  async delete<T extends object>(path: string, signal: AbortSignal): Promise<T> {
    const response = await this.#send('DELETE', path, signal, answerTimeoutMs);
    return this.#parse<T>(await this.#text(response));
  }

  /** Ends when `signal` aborts; throws when the server ends it. */
  async *watchServices(filter: ListFilter, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const response = await this.#get(
      `/api/v1/services?${query({ ...filter, watch: 'true' })}`,
      signal,
      silenceTimeoutMs,
    );
    let pending = '';
    try {
      for await (const chunk of response.body.setEncoding('utf8')) {
        pending += String(chunk);
        if (pending.length > maxLineLength) throw this.#notIsthmus();
        const lines = pending.split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) yield this.#parse<WatchEvent>(line);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof CliError ? error : this.#unreachable(error);
    }
    if (!signal.aborted) throw new CliError(exitCode.unreachable, `${this.#base} ended the watch`);
  }

  /** Lets go of all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #all<Item>(path: string, filter: ListFilter, signal: AbortSignal): Promise<readonly Item[]> {
    const items: Item[] = [];
    let next: string | undefined;
    do {
      const page: Page<Item> = await this.#json(
        `${path}?${query({ ...filter, limit: '1000', ...(next === undefined ? {} : { continue: next }) })}`,
        signal,
        filter.at === undefined ? answerTimeoutMs : pastTimeoutMs,
      );
      items.push(...page.items);
      next = page.continue;
    } while (next !== undefined);
    return items;
  }

  async #json<T extends object>(path: string, signal: AbortSignal, timeoutMs = answerTimeoutMs): Promise<T> {
    const response = await this.#get(path, signal, timeoutMs);
    const value = this.#parse<T>(await this.#text(response));
    if (!('items' in value) || !Array.isArray(value.items)) throw this.#notIsthmus();
    return value;
  }

  async #text(response: Dispatcher.ResponseData): Promise<string> {
    try {
      return await response.body.text();
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #get(path: string, signal: AbortSignal, bodyTimeout: number): Promise<Dispatcher.ResponseData> {
    return this.#send('GET', path, signal, bodyTimeout);
  }

  async #send(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    signal: AbortSignal,
    timeoutMs: number,
    body?: string,
  ): Promise<Dispatcher.ResponseData> {
    let response: Dispatcher.ResponseData;
    try {
      response = await request(`${this.#base}${path}`, {
        method,
        dispatcher: this.#agent,
        headers: body === undefined ? this.#headers : { ...this.#headers, 'content-type': 'application/json' },
        signal,
        headersTimeout: Math.max(timeoutMs, answerTimeoutMs),
        bodyTimeout: timeoutMs,
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (response.statusCode !== 200 && response.statusCode !== 201) throw await this.#refused(response);
    return response;
  }

  #parse<T>(text: string): T {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as T;
    } catch {
      // told below: the parser's own words say nothing of the server
    }
    throw this.#notIsthmus();
  }

  async #refused(response: Dispatcher.ResponseData): Promise<CliError> {
    const { statusCode } = response;
    let detail = '';
    try {
      const problem: unknown = await response.body.json();
      if (typeof problem === 'object' && problem !== null && 'detail' in problem)
        detail = `: ${String(problem.detail)}`;
    } catch {
      // no problem document: the status has to do
    }
    const hint = statusCode === 401 ? '; give the token with --token-file or ISTHMUS_TOKEN' : '';
    const code = statusCode === 404 ? exitCode.notFound : exitCode.failure;
    return new CliError(code, `${this.#base} answered ${statusCode}${printable(detail)}${hint}`);
  }

  #unreachable(error: unknown): CliError {
    const reason =
      error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : error;
    return new CliError(
      exitCode.unreachable,
      `cannot reach ${this.#base}: ${printable(String(reason))}; is \`isthmus run\` running? Another address goes into ` +
        '--server or ISTHMUS_SERVER',
    );
  }

  #notIsthmus(): CliError {
    return new CliError(exitCode.failure, `${this.#base} does not answer as Isthmus does; see --server`);
  }
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  // What may hold a password is not repeated.
  if (text.includes('@')) {
    throw new CliError(exitCode.usage, 'the server is to be a URL without credentials; see --token-file');
  }
  if (!url || !isHttp || url.search !== '' || url.hash !== '') {
    throw new CliError(exitCode.usage, `the server is to be a URL as ${defaultServer}, not ${printable(text)}`);
  }
  return url.href.replace(/\/+$/, '');
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readTextFile(file, 64 * 1024).trim();
  } catch (error) {
    throw new CliError(exitCode.usage, `cannot read the token file ${printable(file)}: ${whyUnreadable(error)}`);
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CliError(exitCode.usage, `${printable(file)} does not hold one token`);
  return token;
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given).toString();
}
