import { type AuditReport, backoffMs, type Clock, type Service } from '../../core/plugin/index.js';
import { follow } from './blocking-query.js';
import type { Answer, ConsulClient, Query } from './client.js';
import type { ConsulConfig } from './config.js';
import { ConsulError } from './consul-error.js';
import type { ServiceIdentity } from './convert.js';
import { edgesOf } from './declared-consumers.js';
import { type DeclaredProtocols, type ProtocolEntryKind, protocolEntryKinds } from './declared-protocols.js';
import type { Upstream } from './entries.js';
import { hiddenNotice, ListGuard } from './list-guard.js';
import { decodeChecks, differentKeys, type FailingCheck } from './lists.js';
import { Pacer } from './pacer.js';
import { type ReadKind, ReadQueue } from './read-queue.js';
import { type DatacenterOutput, ServiceReader, wentBack } from './service-reader.js';
import { newServiceState, type ServiceState } from './service-state.js';
import { auditSession } from './session-audit.js';
import type { Sharing } from './sharing.js';
import { forEach, TaskGroup } from './task-group.js';
import { WatchSet } from './watch-set.js';

export interface SessionOptions {
  readonly client: ConsulClient;
  readonly config: ConsulConfig;
  readonly clock: Clock;
  readonly sharing: Sharing;
  /** Undefined: that of the token. */
  readonly namespace: string | undefined;
  readonly declared: DeclaredProtocols;
  identify(name: string): Omit<ServiceIdentity, 'declared'>;
  /** Name in the catalog of a service that a proxy calls; undefined for one that is not read. */
  upstream(upstream: Upstream, ownDatacenter: string): string | undefined;
  /** What was published of the datacenter before, by Consul's names. */
  readonly previous: ReadonlyMap<string, Service>;
  readonly output: DatacenterOutput;
}

const listWatches = 4 + protocolEntryKinds.length;
const maxReaders = 8;
/** The catalog's watch is the heartbeat too: a server that hangs is noticed after this time and some seconds. */
const heartbeatMs = 10_000;
const minListRoundMs = 100;
const minServiceRoundMs = 50;
/** A server that is slow to answer a thousand watches at once is busy, not gone: that is for the heartbeat to say. */
const watchSlackMs = 30_000;
/** Until configuration entries that could not be read are tried again. */
const entriesRetryMs = 60_000;
const serviceRetry = { baseMs: 1000, maxMs: 300_000 };

/**
 * Reads one datacenter over one server, from a whole listing on, until something fails:
 * - a blocking query on the catalog's list of services, whose index moves with every registration; it names what is
 *   new, gone or has other tags, and else says that some service has changed;
 * - one on the list of nodes, one on the critical and one on the warning checks: their differences name exactly the
 *   services whose addresses or health have changed;
 * - a blocking query each on as many services as connections allow;
 * - for the other services, when the catalog's index moves, a probe that reads the service's index and no body, and a
 *   read of those whose index has moved.
 */
export class DatacenterSession {
  readonly #options: SessionOptions;
  readonly #states = new Map<string, ServiceState>();
  readonly #queue = new ReadQueue();
  readonly #reader: ServiceReader;
  readonly #guard: ListGuard;
  readonly #watches: WatchSet;
  readonly #pacer: Pacer;
  readonly #failed = new Map<string, Error>();
  #group: TaskGroup | undefined;
  #isListed = false;

  constructor(options: SessionOptions) {
    const { client, config, clock, sharing } = options;
    this.#options = options;
    this.#guard = new ListGuard(config, client.server, options.namespace);
    this.#pacer = new Pacer(config.maxProbesPerSecond, clock);
    this.#watches = new WatchSet({
      // One place is to spare: a connection that is being closed counts at the server for a moment.
      limit: Math.min(config.maxWatches, Math.max(0, client.parallel - listWatches - this.#readers - 1)),
      start: (state, watch) => this.#group?.start((signal) => this.#follow(state, watch, signal)),
      onEvicted: (state) => this.#queue.add(state.name, 'probe'),
    });
    this.#reader = new ServiceReader({
      client,
      convert: config,
      isStale: config.consistency === 'stale',
      sharing,
      clock,
      identify: (name) => ({ ...options.identify(name), declared: options.declared.of(name) }),
      onEntries: (state, entries) =>
        options.output.consumes(
          state.name,
          edgesOf(entries, (upstream, own) => options.upstream(upstream, own)),
        ),
      onChange: (state) => this.#onChange(state),
      onFailure: (state, error) => this.#onFailure(state, error),
      onRecovery: (state) => this.#onRecovery(state),
      confirmList: async (within) => void this.#guard.services(await this.#get(servicesQuery, within)),
    });
  }

  /** @throws always: ConsulError, or the signal's reason; everything has settled then */
  async run(signal: AbortSignal): Promise<never> {
    const group = new TaskGroup(signal);
    this.#group = group;
    group.signal.addEventListener('abort', () => this.#watches.dropAll(), { once: true });
    group.start((within) => this.#begin(group, within));
    return group.ended();
  }

  get #readers(): number {
    const spare = this.#options.client.parallel - listWatches;
    return Math.max(1, Math.min(maxReaders, Math.floor(spare / 4)));
  }

  /** Lists everything, publishes it, and starts what follows the changes. */
  async #begin(group: TaskGroup, signal: AbortSignal): Promise<void> {
    // A server that has just become the leader answers with what it has applied of its log so far, which after a restart of
    // all servers is an older state, or none: a listing waits until it has caught up, each read of it, for leaders may
    // follow one another quickly. Stale reads are meant to need none.
    const consistent = this.#options.config.consistency !== 'stale';
    const list = (query: Query) => this.#get({ ...query, consistent }, signal);
    // The hints first and the services after: what changes in between is in the hints' next round.
    const nodes = await list(nodesQuery);
    const entries = new Map<ProtocolEntryKind, number>();
    if (this.#options.config.serviceDefaults) {
      for (const kind of protocolEntryKinds) entries.set(kind, await this.#readEntries(kind, signal));
    }
    const critical = await list(checksQuery('critical'));
    const warning = await list(checksQuery('warning'));
    const services = await list(servicesQuery);
    const knownNodes = this.#guard.nodes(nodes);
    const knownCritical = decodeChecks(critical.parse());
    const knownWarning = decodeChecks(warning.parse());
    this.#addListed(services);
    const read = (state: ServiceState, within: AbortSignal) => this.#reader.read(state, within, consistent);
    await forEach(this.#states.values(), this.#readers, read, signal);
    this.#publishListing();

    group.start((within) => this.#followServices(services.index, within));
    group.start((within) => this.#followNodes(nodes.index, knownNodes, within));
    group.start((within) => this.#followChecks('critical', critical.index, knownCritical, within));
    group.start((within) => this.#followChecks('warning', warning.index, knownWarning, within));
    for (let reader = 0; reader < this.#readers; reader++) group.start((within) => this.#work(within));
    for (const [kind, index] of entries) group.start((within) => this.#followEntries(kind, index, within));
    this.#watches.fill(this.#states.values(), this.#options.clock.now());
  }

  #get(query: Query, signal: AbortSignal): Promise<Answer> {
    return this.#options.client.get(query, signal);
  }

  /** @returns the index to follow from; 0 when the entries cannot be read, which is no reason not to read services */
  async #readEntries(kind: ProtocolEntryKind, signal: AbortSignal): Promise<number> {
    const { declared, output } = this.#options;
    try {
      const answer = await this.#get(entriesQuery(kind), signal);
      declared.take(kind, answer);
      output.notice(kind, undefined);
      return answer.index;
    } catch (error) {
      this.#noteEntries(kind, error);
      return 0;
    }
  }

  /** @throws `error` when it is about more than the entries */
  #noteEntries(kind: ProtocolEntryKind, error: unknown): void {
    const isOfEntries =
      error instanceof ConsulError && (error.failure === 'forbidden' || error.failure === 'malformed');
    if (!isOfEntries) throw error;
    const text = `${kind} cannot be read, so protocols are as they were known: ${error.message}`;
    this.#options.output.notice(kind, text);
  }

  async #followEntries(kind: ProtocolEntryKind, index: number, signal: AbortSignal): Promise<void> {
    const { client, clock, config, declared, output } = this.#options;
    const options = { query: entriesQuery(kind), waitMs: config.waitMs, minRoundMs: minListRoundMs, clock };
    const onChange = (answer: Answer): undefined => {
      const changed = declared.take(kind, answer);
      output.notice(kind, undefined);
      for (const state of this.#states.values()) {
        if (changed === 'all' || changed.has(state.name)) this.#reread(state);
      }
    };
    for (let from = index; ; from = 0) {
      if (from === 0) await clock.sleep(entriesRetryMs, signal);
      try {
        await follow(client, { ...options, index: from }, onChange, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#noteEntries(kind, error);
      }
    }
  }

  /** Names that the list has, and those that were published before and that ACLs may only hide. */
  #addListed(answer: Answer): void {
    const { previous } = this.#options;
    const listed = this.#guard.services(answer);
    this.#options.output.notice('acl', hiddenNotice(answer));
    for (const [name, tags] of listed) {
      const state = newServiceState(name, previous.get(name));
      state.tags = tags.join();
      this.#states.set(name, state);
    }
    if (answer.hidden !== 'some') return;
    for (const [name, service] of previous) {
      if (listed.has(name) || service.instances.length === 0) continue;
      const state = newServiceState(name, service);
      state.listed = false;
      this.#states.set(name, state);
    }
  }

  #publishListing(): void {
    const services = new Map<string, Service>();
    const names = new Set(this.#states.keys());
    for (const state of this.#states.values()) {
      if (state.service) services.set(state.name, state.service);
      this.#forgetGone(state);
    }
    this.#isListed = true;
    this.#options.output.listed(services, this.#failed, names);
  }

  /** A service that the list lacks and that has nobody is no longer looked at. */
  #forgetGone(state: ServiceState): void {
    const isEmpty = state.service === undefined || state.service.instances.length === 0;
    if (state.listed || !isEmpty || state.failures > 0) return;
    this.#watches.drop(state);
    this.#states.delete(state.name);
  }

  async #followServices(index: number, signal: AbortSignal): Promise<void> {
    const waitMs = Math.min(heartbeatMs, this.#options.config.waitMs);
    await this.#followList(servicesQuery, index, waitMs, (answer) => this.#onServices(answer), signal);
  }

  async #followNodes(index: number, known: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
    let nodes = known;
    const onAnswer = (answer: Answer) => {
      const next = this.#guard.nodes(answer);
      this.#readOnNodes(new Set(differentKeys(nodes, next, (a, b) => a === b)));
      nodes = next;
    };
    await this.#followList(nodesQuery, index, this.#options.config.waitMs, onAnswer, signal);
  }

  async #followChecks(
    status: 'critical' | 'warning',
    index: number,
    known: ReadonlyMap<string, FailingCheck>,
    signal: AbortSignal,
  ): Promise<void> {
    let checks = known;
    const onAnswer = (answer: Answer) => {
      const next = decodeChecks(answer.parse());
      const nodes = new Set<string>();
      for (const key of differentKeys(checks, next, (a, b) => a.service === b.service)) {
        for (const check of [checks.get(key), next.get(key)]) {
          if (check?.service === '') nodes.add(check.node);
          else if (check) this.#enqueueRead(check.service);
        }
      }
      this.#readOnNodes(nodes);
      checks = next;
    };
    await this.#followList(checksQuery(status), index, this.#options.config.waitMs, onAnswer, signal);
  }

  async #followList(
    query: Query,
    index: number,
    waitMs: number,
    onAnswer: (answer: Answer) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock, config } = this.#options;
    const onChange = (answer: Answer, step: 'moved' | 'back'): undefined => {
      if (step === 'back' && config.consistency !== 'stale') throw wentBack(client.server);
      onAnswer(answer);
    };
    await follow(client, { query, index, waitMs, minRoundMs: minListRoundMs, clock }, onChange, signal);
  }

  async #follow(state: ServiceState, watch: AbortController, signal: AbortSignal): Promise<void> {
    const { client, clock, config } = this.#options;
    const query = this.#reader.query(state.name);
    // Many that began together must not end together, time and again.
    const waitMs = Math.round(config.waitMs * (0.7 + 0.3 * Math.random()));
    const pace = { waitMs, slackMs: watchSlackMs, minRoundMs: minServiceRoundMs };
    const options = { query, index: state.index, ...pace, clock };
    try {
      await follow(
        client,
        options,
        async (answer) => {
          watch.signal.throwIfAborted();
          await this.#reader.takeFollowed(state, answer, watch.signal);
          // What was read may be newer than the answer that it was read for.
          return state.index;
        },
        watch.signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (watch.signal.aborted) return;
      this.#watches.drop(state);
      this.#reader.fail(state, error);
    }
  }

  #onServices(answer: Answer): void {
    const listed = this.#guard.services(answer);
    this.#options.output.notice('acl', hiddenNotice(answer));
    const quiet: ServiceState[] = [];
    for (const state of this.#states.values()) {
      const tags = listed.get(state.name)?.join();
      const wasListed = state.listed;
      state.listed = tags !== undefined;
      if (tags === undefined) {
        if (wasListed) this.#watches.drop(state);
        // What ACLs hide is tried again with back-off, not each time that the catalog moves.
        if (wasListed || state.failures === 0) this.#queue.add(state.name, 'read');
      } else if (state.tags !== tags || !wasListed) {
        state.tags = tags;
        this.#enqueueRead(state.name);
      } else if (!state.watch) {
        quiet.push(state);
      }
    }
    for (const [name, tags] of listed) {
      if (this.#states.has(name)) continue;
      const state = newServiceState(name, this.#options.previous.get(name));
      state.tags = tags.join();
      this.#states.set(name, state);
      this.#queue.add(name, 'read');
    }
    quiet.sort((a, b) => b.changedMs - a.changedMs);
    for (const { name } of quiet) this.#queue.add(name, 'probe');
  }

  /** A service with a watch sees its changes by itself. */
  #enqueueRead(name: string): void {
    const state = this.#states.get(name);
    if (state && !state.watch) this.#queue.add(name, 'read');
  }

  /** Reads a service that has not changed itself; a watch would not tell of it. */
  #reread(state: ServiceState): void {
    this.#watches.drop(state);
    this.#queue.add(state.name, 'read');
  }

  #readOnNodes(nodes: ReadonlySet<string>): void {
    if (nodes.size === 0) return;
    for (const state of this.#states.values()) {
      if ([...state.nodes].some((node) => nodes.has(node))) this.#enqueueRead(state.name);
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { name, kind } = await this.#queue.take(signal);
      const state = this.#states.get(name);
      if (state && !state.watch) {
        await this.#readIfMoved(state, kind, signal);
        this.#forgetGone(state);
      }
      this.#queue.done(name);
      if (state && this.#states.has(name)) this.#offerWatch(state);
    }
  }

  async #readIfMoved(state: ServiceState, kind: ReadKind, signal: AbortSignal): Promise<void> {
    if (kind === 'probe') {
      await this.#pacer.turn(signal);
      if (!(await this.#hasMoved(state, signal))) return;
    }
    await this.#reader.read(state, signal);
  }

  async #hasMoved(state: ServiceState, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#reader.hasMoved(state, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#reader.fail(state, error);
      return false;
    }
  }

  /** After a read: a new service takes a free place, one that has just changed may take that of a quiet one. */
  #offerWatch(state: ServiceState): void {
    const { clock } = this.#options;
    if (!state.listed || state.failures > 0) return;
    const nowMs = clock.now();
    if (nowMs - state.changedMs < 1000) this.#watches.offer(state, nowMs);
    else this.#watches.fill([state], nowMs);
  }

  /**
   * Reads everything anew beside the watches and repairs what differs from what is published.
   * @throws ConsulError, or the signal's reason; what has ended the session when it ends before
   */
  audit(signal: AbortSignal): Promise<AuditReport> {
    // Nobody repairs anything once the session has ended: waiting for it would take for ever.
    const within = this.#group ? AbortSignal.any([signal, this.#group.signal]) : signal;
    return auditSession(
      {
        clock: this.#options.clock,
        parallel: this.#readers,
        states: this.#states,
        list: async (within) => new Set(this.#guard.services(await this.#get(servicesQuery, within)).keys()),
        read: (state, within) => this.#reader.look(state, within),
        isPending: (name) => this.#queue.has(name),
        repair: (name, within) => this.#repair(name, within),
        published: (name) => this.#options.identify(name).published,
      },
      within,
    );
  }

  async #repair(name: string, signal: AbortSignal): Promise<void> {
    const state = this.#states.get(name) ?? newServiceState(name, this.#options.previous.get(name));
    this.#states.set(name, state);
    this.#reread(state);
    await this.#queue.settled(name, signal);
  }

  #onChange(state: ServiceState): void {
    if (!this.#isListed || !state.service) return;
    state.changedMs = this.#options.clock.now();
    this.#options.output.changed(state.name, state.service);
  }

  #onFailure(state: ServiceState, error: ConsulError): void {
    this.#failed.set(state.name, error);
    if (this.#isListed) this.#options.output.failed(state.name, error);
    if (state.retrying) return;
    state.retrying = true;
    this.#group?.start((signal) => this.#retry(state, signal));
  }

  async #retry(state: ServiceState, signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(backoffMs(state.failures - 1, serviceRetry), signal);
    state.retrying = false;
    this.#enqueueRead(state.name);
  }

  #onRecovery(state: ServiceState): void {
    this.#failed.delete(state.name);
    if (this.#isListed) this.#options.output.recovered(state.name);
  }
}

const servicesQuery: Query = { path: '/v1/catalog/services', of: 'instances' };
const nodesQuery: Query = { path: '/v1/catalog/nodes', of: 'nodes' };

function checksQuery(status: 'critical' | 'warning'): Query {
  return { path: `/v1/health/state/${status}`, of: 'instances' };
}

/** `proxy-defaults` belong to a partition, all other entries to a namespace. */
function entriesQuery(kind: ProtocolEntryKind): Query {
  return { path: `/v1/config/${kind}`, of: kind === 'proxy-defaults' ? 'partition' : 'namespace' };
}
