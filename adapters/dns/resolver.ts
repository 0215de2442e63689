import { randomInt } from 'node:crypto';
import pLimit from 'p-limit';
import { formatHostPort, type HostPort } from '../../core/plugin/index.js';
import { exchangeTcp, exchangeUdp } from './exchange.js';
import { type DnsMessage, type DnsRecord, encodeQuery, type QueryType, typeNumber } from './wire.js';

/** An answer that settles the question. "There is nothing" is one too, and what servers say of what they cannot say is none. */
export type Resolution =
  | { readonly kind: 'records'; readonly records: readonly DnsRecord[]; readonly ttlSeconds: number }
  | { readonly kind: 'nothing'; readonly reason: 'NXDOMAIN' | 'NODATA'; readonly ttlSeconds: number | undefined };

export interface ResolverOptions {
  readonly servers: readonly HostPort[];
  /** For one server to answer. */
  readonly timeoutMs: number;
  /** How often all servers are asked before giving up. */
  readonly attempts: number;
  readonly maxConcurrentQueries: number;
}

const maxAliases = 8;
const codeNames: Readonly<Record<number, string>> = { 1: 'FORMERR', 2: 'SERVFAIL', 4: 'NOTIMP', 5: 'REFUSED' };

/** Asks DNS servers that resolve names for their clients, one after the other until one has an answer. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #limit: ReturnType<typeof pLimit>;

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#limit = pLimit(options.maxConcurrentQueries);
  }

  /**
   * Follows aliases.
   * @throws Error that says what each server did, or the signal's reason
   */
  async resolve(name: string, type: QueryType, signal: AbortSignal): Promise<Resolution> {
    let current = name.toLowerCase();
    let ttlSeconds = Number.POSITIVE_INFINITY;
    for (let aliases = 0; aliases <= maxAliases; ) {
      const message = await this.#limit(() => this.#ask(current, type, signal));
      const target = followAliases(message.records, current);
      ttlSeconds = Math.min(ttlSeconds, target.ttlSeconds);
      aliases += target.aliases;
      const records = message.records.filter((record) => record.type === type && record.name === target.name);
      if (records.length > 0) {
        const own = Math.min(ttlSeconds, ...records.map((record) => record.ttlSeconds));
        return { kind: 'records', records, ttlSeconds: own };
      }
      if (message.code === 3) return nothing('NXDOMAIN', message, ttlSeconds);
      // A server that resolves names has followed the alias; others are asked for its target.
      if (target.aliases === 0 || message.negativeTtlSeconds !== undefined)
        return nothing('NODATA', message, ttlSeconds);
      current = target.name;
    }
    throw new Error(`${name} is an alias of an alias, more than ${maxAliases} times`);
  }

  async #ask(name: string, type: QueryType, signal: AbortSignal): Promise<DnsMessage> {
    const failures = new Map<string, string>();
    for (let attempt = 0; attempt < this.#options.attempts; attempt++) {
      for (const server of this.#options.servers) {
        signal.throwIfAborted();
        try {
          return await this.#askServer(server, name, type, signal);
        } catch (error) {
          signal.throwIfAborted();
          failures.set(formatHostPort(server), error instanceof Error ? error.message : String(error));
        }
      }
    }
    const said = [...failures].map(([server, failure]) => `${server}: ${failure}`);
    throw new Error(`${name} ${type}: ${said.join('; ') || 'there is no DNS server'}`);
  }

  async #askServer(server: HostPort, name: string, type: QueryType, signal: AbortSignal): Promise<DnsMessage> {
    const id = randomInt(0x10000);
    const query = encodeQuery(id, name, type);
    const expected = ({ isAnswer, question, ...message }: DnsMessage) =>
      isAnswer && message.id === id && question?.name === name && question.type === typeNumber(type);
    const { timeoutMs } = this.#options;
    const ended = new AbortController();
    const onAbort = () => ended.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => ended.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      let message = await exchangeUdp(server, query, expected, ended.signal);
      if (message.isTruncated) message = await exchangeTcp(server, query, expected, ended.signal);
      if (message.code !== 0 && message.code !== 3) throw new Error(codeNames[message.code] ?? `code ${message.code}`);
      if (message.isReferral) throw new Error('it points to other servers instead of resolving the name');
      if (message.isTruncated) throw new Error('the answer is cut off over TCP too');
      return message;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** Where the aliases of an answer lead from `name`. A loop ends where it began. */
function followAliases(records: readonly DnsRecord[], name: string) {
  const seen = new Set<string>();
  let ttlSeconds = Number.POSITIVE_INFINITY;
  let current = name;
  for (;;) {
    const alias = records.find((record) => record.type === 'CNAME' && record.name === current);
    if (alias?.type !== 'CNAME' || seen.has(current)) return { name: current, ttlSeconds, aliases: seen.size };
    seen.add(current);
    ttlSeconds = Math.min(ttlSeconds, alias.ttlSeconds);
    current = alias.target;
  }
}

function nothing(reason: 'NXDOMAIN' | 'NODATA', message: DnsMessage, ttlSeconds: number): Resolution {
  const shortest = Math.min(ttlSeconds, message.negativeTtlSeconds ?? Number.POSITIVE_INFINITY);
  return { kind: 'nothing', reason, ttlSeconds: Number.isFinite(shortest) ? shortest : undefined };
}
