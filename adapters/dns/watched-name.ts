import type { Clock, Rejection, Service, SourceRecord } from '../../core/plugin/index.js';
import { type DnsConfig, type NameConfig, serviceNameOf } from './config.js';
import { addresses, buildService, type Found, srvRecords } from './convert.js';
import { Lookup, type Resolve } from './lookup.js';
import type { DnsRecord, QueryType, SrvData } from './wire.js';

/** Targets of one SRV name that are looked up; more are left out, with a reason. */
const maxTargets = 256;
const addressTypes = ['A', 'AAAA'] as const;

/** A configured name: its lookups, those of its SRV targets, and the service that comes of them. */
export class WatchedName {
  readonly name: string;
  readonly #config: NameConfig;
  readonly #options: DnsConfig;
  readonly #clock: Clock;
  readonly #own: readonly Lookup[];
  readonly #targets = new Map<string, readonly Lookup[]>();
  #service: Service | undefined;

  constructor(config: NameConfig, options: DnsConfig, clock: Clock) {
    this.name = serviceNameOf(config);
    this.#config = config;
    this.#options = options;
    this.#clock = clock;
    const types: readonly QueryType[] = config.type === 'A+AAAA' ? addressTypes : [config.type];
    this.#own = types.map((type) => new Lookup(this.#host, type, options, clock));
  }

  /** Undefined until everything it takes was found out once. */
  get service(): Service | undefined {
    return this.#service;
  }

  /** What is not as the servers say now, or what they could not say. */
  get problem(): Error | undefined {
    return this.#lookups().find(({ problem }) => problem)?.problem;
  }

  /** When to look again. */
  get waitMs(): number {
    return Math.min(...this.#lookups().map(({ waitMs }) => waitMs));
  }

  /** @throws only the signal's reason */
  async refresh(resolve: Resolve, signal: AbortSignal): Promise<void> {
    // A name of which nothing is known yet may have been restored from the disk: nothing is not believed at once.
    await Promise.all(this.#own.map((lookup) => lookup.refresh(resolve, true, signal)));
    // One of two types alone is ordinary.
    if (this.#own.some(({ records }) => records && records.length > 0)) for (const lookup of this.#own) lookup.settle();
    await this.#refreshTargets(resolve, signal);
    this.#service = this.#build() ?? this.#service;
  }

  /** What the servers said last. */
  records(): readonly SourceRecord[] {
    return this.#lookups()
      .flatMap(({ records }) => records ?? [])
      .map((record, index) => ({ id: `${record.name} ${record.type} ${index}`, text: zoneLine(record) }));
  }

  get #host(): string {
    return this.#config.host.replace(/\.$/, '').toLowerCase();
  }

  #lookups(): readonly Lookup[] {
    return [...this.#own, ...[...this.#targets.values()].flat()];
  }

  async #refreshTargets(resolve: Resolve, signal: AbortSignal): Promise<void> {
    const wanted = new Set(this.#srvs().map(({ target }) => target));
    for (const target of this.#targets.keys()) if (!wanted.has(target)) this.#targets.delete(target);
    for (const target of [...wanted].slice(0, maxTargets)) {
      if (this.#targets.has(target)) continue;
      this.#targets.set(
        target,
        addressTypes.map((type) => new Lookup(target, type, this.#options, this.#clock)),
      );
    }
    const lookups = [...this.#targets.values()].flat();
    const isAnyFound = () => lookups.some(({ records }) => records && records.length > 0);
    // As with the name: what was published, maybe before a restart, may be of targets that are named no more.
    const doubtNothing = !isAnyFound();
    await Promise.all(lookups.map((lookup) => lookup.refresh(resolve, doubtNothing, signal)));
    if (isAnyFound()) for (const lookup of lookups) lookup.settle();
  }

  #isAnyTargetUnknown(): boolean {
    return [...this.#targets.values()].flat().some(({ records }) => records === undefined);
  }

  #srvs(): readonly SrvData[] {
    return this.#own.flatMap(({ records }) => srvRecords(records ?? []));
  }

  /** @returns undefined while too little is known: less than there was would be a removal */
  #build(): Service | undefined {
    if (this.#own.some(({ records }) => records === undefined)) return undefined;
    const rejected: Rejection[] = [];
    const found: Found[] = this.#own.flatMap(({ records }) => addresses(records ?? []).map((address) => ({ address })));
    for (const srv of this.#srvs()) {
      const lookups = this.#targets.get(srv.target);
      // One that was published has known lookups; a new one that cannot be resolved is not published yet.
      if (lookups?.some(({ records }) => records === undefined) && !this.#service) return undefined;
      const known = lookups?.flatMap(({ records }) => addresses(records ?? [])) ?? [];
      if (known.length === 0) rejected.push({ record: srv.target, reason: reasonOf(lookups) });
      found.push(...known.map((address) => ({ address, srv })));
    }
    // All targets are new, and not all of them could be asked for: what was published stays.
    if (found.length === 0 && this.#isAnyTargetUnknown()) return undefined;
    if (found.length === 0 && rejected.length === 0) {
      for (const { nothing } of this.#own) if (nothing) rejected.push({ record: this.#host, reason: nothing });
    }
    return buildService(this.#config, found, rejected, this.#options.priorities);
  }
}

function reasonOf(lookups: readonly Lookup[] | undefined): string {
  if (!lookups) return `more than ${maxTargets} targets`;
  const [first] = lookups.flatMap(({ nothing, problem }) => nothing ?? problem?.message ?? []);
  return `the target has no address: ${first ?? 'unknown'}`;
}

function zoneLine(record: DnsRecord): string {
  const head = `${record.name}. ${record.ttlSeconds} IN ${record.type}`;
  switch (record.type) {
    case 'CNAME':
      return `${head} ${record.target}.`;
    case 'SRV':
      return `${head} ${record.priority} ${record.weight} ${record.port} ${record.target}.`;
    default:
      return `${head} ${record.address}`;
  }
}
