import { getServers } from 'node:dns';
import {
  type Deps,
  type HostPort,
  hostPort,
  type Service,
  type Source,
  type SourceOutput,
  type SourceRecord,
  sameService,
} from '../../core/plugin/index.js';
import type { DnsConfig } from './config.js';
import type { Resolve } from './lookup.js';
import { Resolver } from './resolver.js';
import { WatchedName } from './watched-name.js';

export type DnsDeps = Pick<Deps, 'clock'>;

/** Part of a wait that is added at random, so that names of one TTL are not all asked for at once. */
const jitter = 0.1;
/**
 * How long names that cannot be resolved keep the listing from being complete where nothing is known of before. It is
 * longer than sinks usually wait (`graceMs`), for what they serve first takes away what readers knew of old.
 */
const coldWaitMs = 300_000;

/**
 * Services from a list of DNS names, each asked for again when its TTL is over. What is known outlives a run: a run that
 * begins again does not know less.
 */
export class DnsSource implements Source {
  readonly #config: DnsConfig;
  readonly #deps: DnsDeps;
  readonly #names: readonly WatchedName[];

  constructor(config: DnsConfig, deps: DnsDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#names = config.names.map((name) => new WatchedName(name, config, deps.clock));
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const resolver = new Resolver({ ...this.#config, servers: this.#config.servers ?? systemServers() });
    const resolve: Resolve = (name, type, ended) => resolver.resolve(name, type, ended);
    const publication = new Publication(out, this.#names);
    const ended = new AbortController();
    const onAbort = () => ended.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.all([
        this.#endCold(publication, ended.signal),
        ...this.#names.map((name) => this.#watch(name, resolve, publication, ended.signal)),
      ]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      ended.abort();
    }
  }

  /** What servers said last of the service's name and of its SRV targets. */
  async records(service: string): Promise<readonly SourceRecord[]> {
    return this.#names.find(({ name }) => name === service)?.records() ?? [];
  }

  async #endCold(publication: Publication, signal: AbortSignal): Promise<void> {
    await this.#deps.clock.sleep(coldWaitMs, signal);
    publication.endCold();
  }

  async #watch(name: WatchedName, resolve: Resolve, publication: Publication, signal: AbortSignal): Promise<never> {
    for (;;) {
      await name.refresh(resolve, signal);
      publication.update(name);
      await this.#deps.clock.sleep(Math.ceil(name.waitMs * (1 + jitter * Math.random())), signal);
    }
  }
}

/**
 * What is published in one run: a whole listing when every name is known, then each change. A name that cannot be resolved
 * is what was published of it before the run. Where nothing was, the others are published with no claim to be complete.
 */
class Publication {
  readonly #out: SourceOutput;
  readonly #names: readonly WatchedName[];
  readonly #earlier: ReadonlyMap<string, Service>;
  readonly #published = new Map<string, Service>();
  readonly #degraded = new Set<string>();
  readonly #untried: Set<WatchedName>;
  readonly #unseen: Set<WatchedName>;
  #isCold: boolean;
  #isListed = false;

  constructor(out: SourceOutput, names: readonly WatchedName[]) {
    this.#out = out;
    this.#names = names;
    this.#earlier = new Map(out.published());
    this.#isCold = this.#earlier.size === 0;
    this.#untried = new Set(names);
    this.#unseen = new Set(names);
  }

  update(name: WatchedName): void {
    const { service, problem } = name;
    this.#untried.delete(name);
    if (service || (problem && !this.#isCold)) this.#unseen.delete(name);
    if (this.#isListed) {
      if (service) this.#publish(service);
    } else if (this.#unseen.size === 0) this.#publishAll();
    else if (this.#untried.size === 0) {
      for (const one of this.#names) if (one.service) this.#publish(one.service);
    }
    this.#tell(name);
  }

  /** Names that cannot be resolved are waited for no longer. */
  endCold(): void {
    this.#isCold = false;
    for (const name of this.#names) if (name.problem) this.#unseen.delete(name);
    if (!this.#isListed && this.#unseen.size === 0) this.#publishAll();
  }

  #publishAll(): void {
    this.#isListed = true;
    const services = this.#names.flatMap(({ name, service }) => service ?? this.#earlier.get(name) ?? []);
    for (const service of services) this.#published.set(service.name, service);
    this.#out.replaceAll(services);
    // A listing ends all that was said before.
    this.#degraded.clear();
    for (const name of this.#names) this.#tell(name);
  }

  #publish(service: Service): void {
    const known = this.#published.get(service.name);
    if (known && sameService(known, service) && sameNotes(known, service)) return;
    this.#published.set(service.name, service);
    this.#out.upsert(service);
  }

  #tell({ name, problem }: WatchedName): void {
    if (problem) {
      this.#degraded.add(name);
      this.#out.degraded(problem, name);
    } else if (this.#degraded.delete(name)) this.#out.recovered(name);
  }
}

/** What was left out is not part of what makes services the same. */
function sameNotes({ rejected: a = [] }: Service, { rejected: b = [] }: Service): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The servers of /etc/resolv.conf, or what takes its place. */
function systemServers(): HostPort[] {
  return getServers().flatMap((server) => {
    const withPort = /^\[.+\]:\d+$|^[0-9.]+:\d+$/.test(server)
      ? server
      : `${server.includes(':') ? `[${server}]` : server}:53`;
    const parsed = hostPort().safeParse(withPort);
    return parsed.success ? [parsed.data] : [];
  });
}
