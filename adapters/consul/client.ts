import { printable } from '../../core/model/printable.js';
import { type Secret, secretMark, type TlsMaterial } from '../../core/plugin/index.js';
import { ConsulError } from './consul-error.js';
import { openTransport } from './http2-transport.js';
import type { Transport } from './transport.js';
import { withDeadline } from './with-deadline.js';

export interface ClientOptions {
  /** Base URL of an agent or server, with no trailing slash. */
  readonly server: string;
  /** Undefined: the agent's own. */
  readonly datacenter: string | undefined;
  /** Undefined: that of the token, and `default` where Consul has none. */
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
  /** Only nodes with all of this metadata, and what is on them. */
  readonly nodeMeta: Readonly<Record<string, string>>;
  readonly token: Secret | undefined;
  readonly tls: TlsMaterial;
  readonly consistency: 'default' | 'stale' | 'consistent';
  /** A stale answer from a server that has not heard from its leader for longer is none. */
  readonly maxStaleMs: number;
  /** Sockets at most; requests for which there is no place wait. */
  readonly connections: number;
  readonly requestTimeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface Query {
  /** Below the base URL, as `/v1/catalog/nodes`; names in it are encoded already. */
  readonly path: string;
  /**
   * What the answer is about: things of a namespace that are on nodes, nodes, which belong to a partition, or
   * configuration entries of either.
   */
  readonly of: 'instances' | 'nodes' | 'namespace' | 'partition';
  /** Only instances with this tag. */
  readonly tag?: string;
  /** Waits until the leader is sure that it leads and has caught up with its log, whatever `consistency` says. */
  readonly consistent?: boolean;
  /** Makes it a blocking query: answered when the index is past `index`, or after `waitMs`. */
  readonly block?: {
    readonly index: number;
    readonly waitMs: number;
    /** How much later than asked for it may be answered; default 5000. */
    readonly slackMs?: number;
  };
}

export interface Answer {
  /** `X-Consul-Index`, at least 1. */
  readonly index: number;
  /**
   * Whether ACLs took something out of the answer: `nothing`, `some` did go, or `unknown`, as for callers with no token,
   * who are not told.
   */
  readonly hidden: 'nothing' | 'some' | 'unknown';
  /** Answered from a view that follows the servers' events, which says nothing of what ACLs took out of it. */
  readonly streamed: boolean;
  /** @throws ConsulError `malformed` */
  parse(): unknown;
}

/** How much later than asked for a blocking query may be answered: the jitter of a sixteenth, and time for the network. */
const blockingSlackMs = 5000;
const maxErrorBytes = 4096;
const indexPattern = /^[0-9]{1,15}$/;

/** Reads one datacenter through one server, over a bounded number of connections. */
export class ConsulClient {
  readonly #options: ClientOptions;
  readonly #transport: Transport;
  readonly #basePath: string;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(options: ClientOptions, transport: Transport) {
    const { server, token } = options;
    this.#options = options;
    this.#transport = transport;
    this.#basePath = new URL(server).pathname.replace(/\/+$/, '');
    this.#headers = token ? { 'x-consul-token': token.reveal() } : {};
  }

  /** @throws ConsulError `unreachable`, or the signal's reason */
  static async open(options: ClientOptions, signal: AbortSignal): Promise<ConsulClient> {
    const { server, tls, connections, requestTimeoutMs } = options;
    const { origin } = new URL(server);
    try {
      const transport = await openTransport({ origin, tls, connections, connectTimeoutMs: requestTimeoutMs }, signal);
      return new ConsulClient(options, transport);
    } catch (error) {
      signal.throwIfAborted();
      throw new ConsulError('unreachable', `${server}: ${networkCause(error)}`, { cause: error });
    }
  }

  /** Requests that can wait for their answers at the same time. */
  get parallel(): number {
    return this.#transport.parallel;
  }

  get server(): string {
    return this.#options.server;
  }

  /** @throws ConsulError, or the signal's reason */
  async get(query: Query, signal: AbortSignal): Promise<Answer> {
    const timeoutMs = query.block
      ? query.block.waitMs + Math.ceil(query.block.waitMs / 16) + (query.block.slackMs ?? blockingSlackMs)
      : this.#options.requestTimeoutMs;
    try {
      return await withDeadline(timeoutMs, signal, (within) => this.#request(query, within));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ConsulError) throw error;
      throw new ConsulError('unreachable', `${this.server}: ${networkCause(error)}`, { cause: error });
    }
  }

  /** Ends every request and connection. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #request(query: Query, signal: AbortSignal): Promise<Answer> {
    const { token, maxResponseBytes, consistency, maxStaleMs } = this.#options;
    const { statusCode, headers, body } = await this.#transport.get(this.#path(query), this.#headers, signal);
    if (statusCode !== 200) throw this.#refusal(statusCode, await readText(body, maxErrorBytes, 'cut'));
    const text = await readText(body, maxResponseBytes, 'refuse');
    const streamed = single(headers['x-consul-query-backend']) === 'streaming';
    // An answer from a streamed view never knows of a leader.
    if (!streamed && single(headers['x-consul-knownleader']) === 'false') {
      throw this.#error('unavailable', 'no cluster leader');
    }
    const lastContactMs = Number(single(headers['x-consul-lastcontact']) ?? 0) || 0;
    if (consistency === 'stale' && lastContactMs > maxStaleMs) {
      throw this.#error('unavailable', `it has not heard from its leader for ${lastContactMs} ms`);
    }
    const index = single(headers['x-consul-index']);
    if (index === undefined || !indexPattern.test(index)) {
      throw this.#error('malformed', 'an answer with no X-Consul-Index; is this Consul?');
    }
    const anonymous = token === undefined && single(headers['x-consul-default-acl-policy']) === 'deny';
    const filtered = single(headers['x-consul-results-filtered-by-acls']) === 'true';
    return {
      // Zero would make the next query return at once, for ever: the documentation asks clients to take 1.
      index: Math.max(1, Number(index)),
      hidden: filtered ? 'some' : anonymous ? 'unknown' : 'nothing',
      streamed,
      parse: () => this.#parse(text),
    };
  }

  #path({ path, of, tag, block, consistent = false }: Query): string {
    const { datacenter, namespace, partition, nodeMeta, consistency } = this.#options;
    const parameters = new URLSearchParams();
    if (datacenter !== undefined) parameters.set('dc', datacenter);
    if (consistent) parameters.set('consistent', '');
    else if (consistency !== 'default') parameters.set(consistency, '');
    // Open-source Consul refuses both, so they are sent only when they are configured.
    if (namespace !== undefined && (of === 'instances' || of === 'namespace')) parameters.set('ns', namespace);
    if (partition !== undefined) parameters.set('partition', partition);
    if (of === 'instances' || of === 'nodes') {
      for (const [key, value] of Object.entries(nodeMeta)) parameters.append('node-meta', `${key}:${value}`);
    }
    if (tag !== undefined) parameters.set('tag', tag);
    if (block) {
      parameters.set('index', String(block.index));
      parameters.set('wait', `${block.waitMs}ms`);
    }
    return `${this.#basePath}${path}?${parameters}`;
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // The parser's own message quotes the text, which may hold anything.
      throw this.#error('malformed', 'an answer that is no JSON');
    }
  }

  #refusal(statusCode: number, text: string): ConsulError {
    const token = this.#options.token?.reveal();
    const said = printable((token === undefined ? text : text.replaceAll(token, secretMark)).trim());
    const what = `status ${statusCode}${said === '' ? '' : `: ${said}`}`;
    if (statusCode === 401 || statusCode === 403) return this.#error('forbidden', what);
    if (statusCode === 429 || statusCode >= 500) return this.#error('unavailable', what);
    return this.#error('malformed', what);
  }

  #error(failure: ConsulError['failure'], message: string): ConsulError {
    return new ConsulError(failure, `${this.server}: ${message}`);
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
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
    throw new ConsulError('malformed', `an answer larger than ${maxBytes} bytes (maxResponseBytes)`);
  }
  return Buffer.concat(chunks).toString('utf8', 0, Math.min(bytes, maxBytes));
}

/** Connecting to a name with several addresses fails with an error whose own message is empty. */
function networkCause(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  return inner instanceof Error ? inner.message : String(inner);
}
