import { backoffMs, type Clock, matchesGlob, type Service } from '../../core/plugin/index.js';
import { follow } from './blocking-query.js';
import type { Answer, ConsulClient } from './client.js';
import type { ConsulConfig } from './config.js';
import { ConsulError } from './consul-error.js';
import type { ServiceIdentity } from './convert.js';
import { decodeChecks, decodeNodes, decodeServices, differentKeys, type FailingCheck } from './lists.js';
import { Pacer } from './pacer.js';
import { ReadQueue } from './read-queue.js';
import { type DatacenterOutput, ServiceReader } from './service-reader.js';
import { newServiceState, type ServiceState } from './service-state.js';
import type { Sharing } from './sharing.js';
import { forEach, TaskGroup } from './task-group.js';
import { WatchSet } from './watch-set.js';

export interface SessionOptions {
  readonly client: ConsulClient;
  readonly config: ConsulConfig;
  readonly connections: number;
  readonly clock: Clock;
  readonly sharing: Sharing;
  identify(name: string): ServiceIdentity;
  /** What was published of the datacenter before, by Consul's names. */
  readonly previous: ReadonlyMap<string, Service>;
  readonly output: DatacenterOutput;
  /** A change that no watch told of was found by the audit. */
  readonly onMissedChange: (name: string) => void;
}

const listWatches = 4;
const maxReaders = 8;
/** The catalog's watch is the heartbeat too: a server that hangs is noticed after this time and some seconds. */
const heartbeatMs = 10_000;
const minListRoundMs = 100;
const minServiceRoundMs = 50;
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
  readonly #watches: WatchSet;
  readonly #pacer: Pacer;
  readonly #failed = new Map<string, Error>();
  #group: TaskGroup | undefined;
  #isListed = false;

  constructor(options: SessionOptions) {
    const { client, config, connections, clock, sharing } = options;
    this.#options = options;
    this.#pacer = new Pacer(config.maxProbesPerSecond, clock);
    this.#watches = new WatchSet({
      // One connection is to spare: one that is being closed counts at the server for a moment.
      limit: Math.max(0, connections - listWatches - this.#readers - 1),
      start: (state, watch) => this.#group?.start((signal) => this.#follow(state, watch, signal)),
      onEvicted: (state) => this.#queue.add(state.name, 'probe'),
    });
    this.#reader = new ServiceReader({
      client,
      convert: config,
      sharing,
      clock,
      identify: (name) => options.identify(name),
      onChange: (state) => this.#onChange(state),
      onFailure: (state, error) => this.#onFailure(state, error),
      onRecovery: (state) => this.#onRecovery(state),
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
    const spare = this.#options.connections - listWatches;
    return Math.max(1, Math.min(maxReaders, Math.floor(spare / 4)));
  }

  /** Lists everything, publishes it, and starts what follows the changes. */
  async #begin(group: TaskGroup, signal: AbortSignal): Promise<void> {
    // The hints first and the services after: what changes in between is in the hints' next round.
    const nodes = await this.#get('/v1/catalog/nodes', signal);
    const critical = await this.#get('/v1/health/state/critical', signal);
    const warning = await this.#get('/v1/health/state/warning', signal);
    const services = await this.#get('/v1/catalog/services', signal);
    const knownNodes = this.#decodeNodes(nodes);
    const knownCritical = decodeChecks(critical.parse());
    const knownWarning = decodeChecks(warning.parse());
    this.#addListed(services);
    await forEach(this.#states.values(), this.#readers, (state, within) => this.#reader.read(state, within), signal);
    this.#publishListing();

    group.start((within) => this.#followServices(services.index, within));
    group.start((within) => this.#followNodes(nodes.index, knownNodes, within));
    group.start((within) => this.#followChecks('critical', critical.index, knownCritical, within));
    group.start((within) => this.#followChecks('warning', warning.index, knownWarning, within));
    for (let reader = 0; reader < this.#readers; reader++) group.start((within) => this.#work(within));
    group.start((within) => this.#audit(within));
    this.#watches.fill(this.#states.values(), this.#options.clock.now());
  }

  #get(path: string, signal: AbortSignal): Promise<Answer> {
    return this.#options.client.get({ path }, signal);
  }

  /** Names that the list has, and those that were published before and that ACLs may only hide. */
  #addListed(answer: Answer): void {
    const { previous } = this.#options;
    const listed = this.#decodeServices(answer);
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
    for (const state of this.#states.values()) {
      if (state.service) services.set(state.name, state.service);
      this.#forgetGone(state);
    }
    this.#isListed = true;
    this.#options.output.listed(services, this.#failed);
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
    await this.#followList('/v1/catalog/services', index, waitMs, (answer) => this.#onServices(answer), signal);
  }

  async #followNodes(index: number, known: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
    let nodes = known;
    const onAnswer = (answer: Answer) => {
      const next = this.#decodeNodes(answer);
      this.#readOnNodes(new Set(differentKeys(nodes, next, (a, b) => a === b)));
      nodes = next;
    };
    await this.#followList('/v1/catalog/nodes', index, this.#options.config.waitMs, onAnswer, signal);
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
    await this.#followList(`/v1/health/state/${status}`, index, this.#options.config.waitMs, onAnswer, signal);
  }

  async #followList(
    path: string,
    index: number,
    waitMs: number,
    onAnswer: (answer: Answer) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock, config } = this.#options;
    const onChange = (answer: Answer, step: 'moved' | 'back') => {
      // Only the servers' state as a whole can be older than it was: every index that is known is void. Stale reads
      // come from one server and then from another that is behind, and there it is normal.
      if (step === 'back' && config.consistency !== 'stale') {
        throw new ConsulError('unavailable', `${client.server}: the index went backwards; everything is read anew`);
      }
      onAnswer(answer);
    };
    await follow(client, { query: { path }, index, waitMs, minRoundMs: minListRoundMs, clock }, onChange, signal);
  }

  async #follow(state: ServiceState, watch: AbortController, signal: AbortSignal): Promise<void> {
    const { client, clock, config } = this.#options;
    const query = { path: this.#reader.path(state.name) };
    const options = { query, index: state.index, waitMs: config.waitMs, minRoundMs: minServiceRoundMs, clock };
    try {
      await follow(
        client,
        options,
        async (answer) => {
          watch.signal.throwIfAborted();
          await this.#reader.takeFollowed(state, answer, watch.signal);
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
    const listed = this.#decodeServices(answer);
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
      // The audit asks a service that has a watch too: the watch may be what has missed a change.
      if (state?.watch && kind === 'audit') this.#watches.drop(state);
      if (state && !state.watch) {
        await this.#readIfMoved(state, kind, signal);
        this.#forgetGone(state);
      }
      this.#queue.done(name);
      if (state && this.#states.has(name)) this.#offerWatch(state);
    }
  }

  async #readIfMoved(state: ServiceState, kind: 'read' | 'probe' | 'audit', signal: AbortSignal): Promise<void> {
    if (kind !== 'read') {
      await this.#pacer.turn(signal);
      if (!(await this.#hasMoved(state, signal))) return;
    }
    const before = state.service;
    await this.#reader.read(state, signal);
    if (kind === 'audit' && state.service !== before) this.#options.onMissedChange(state.name);
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

  async #audit(signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#options;
    for (;;) {
      await clock.sleep(config.auditMs * (0.9 + Math.random() * 0.2), signal);
      for (const name of this.#states.keys()) this.#queue.add(name, 'audit');
    }
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

  /** A datacenter has one service at least, `consul`, which its servers are: no list is empty. @throws ConsulError */
  #decodeServices(answer: Answer): ReadonlyMap<string, readonly string[]> {
    const { include, exclude, tags } = this.#options.config;
    const all = decodeServices(answer.parse());
    if (all.size === 0) {
      throw answer.hidden === 'nothing'
        ? new ConsulError('unavailable', `${this.#options.client.server}: the catalog has no service, not even its own`)
        : new ConsulError('hidden', this.#hiddenMessage('services', 'service:read'));
    }
    const wanted = new Map<string, readonly string[]>();
    for (const [name, has] of all) {
      if (!include.some((pattern) => matchesGlob(pattern, name))) continue;
      if (exclude.some((pattern) => matchesGlob(pattern, name))) continue;
      if (tags.every((tag) => has.includes(tag))) wanted.set(name, has);
    }
    return wanted;
  }

  /** A datacenter has one node at least: the server that answers. @throws ConsulError */
  #decodeNodes(answer: Answer): ReadonlyMap<string, number> {
    const nodes = decodeNodes(answer.parse());
    if (nodes.size > 0) return nodes;
    throw answer.hidden === 'nothing'
      ? new ConsulError('unavailable', `${this.#options.client.server}: the catalog has no node yet`)
      : new ConsulError('hidden', this.#hiddenMessage('nodes', 'node:read'));
  }

  #hiddenMessage(what: string, permission: string): string {
    const { client, config } = this.#options;
    const who = config.token ? 'the token' : 'a caller with no token';
    return `${client.server}: ACLs hide all ${what} from ${who}; it needs ${permission}`;
  }
}
