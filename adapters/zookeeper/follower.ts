import type { Logger } from 'pino';
import { type Clock, deferred, type Service, type SourceOutput } from '../../core/plugin/index.js';
import type { MetadataKeeper } from '../dubbo/metadata-service/metadata-keeper.js';
import { shownUrl } from '../dubbo/secrets.js';
import type { Changes } from './changes.js';
import { eventTypes, type WatchEvent, type ZookeeperConnection } from './connection.js';
import { concernsAny, withEarlierInstances } from './earlier-instances.js';
import { type NodeConnection, NodeReader } from './node-reader.js';
import type { Place, Places } from './places.js';
import type { BatchSupport } from './read-batcher.js';
import type { RegistryState } from './registry-state.js';
import { RereadQueue } from './reread-queue.js';
import { Surroundings } from './surroundings.js';
import { PartialReading, TreeReader } from './tree-reader.js';
import { parseUnit, type Unit, unitKey, unitScope, unitsOf } from './unit.js';
import { ZookeeperError } from './zookeeper-error.js';

export type WatchMode = 'recursive' | 'classic';

export interface FollowerOptions {
  readonly connection: NodeConnection & Pick<ZookeeperConnection, 'addRecursiveWatch' | 'onEvent' | 'fail'>;
  readonly places: Places;
  readonly state: RegistryState;
  readonly out: SourceOutput;
  readonly watch: WatchMode;
  /** What is read besides the roots' interfaces. */
  readonly reads: { readonly interfaces: boolean; readonly rules: boolean; readonly consumers: boolean };
  /** undefined when applications are not read. */
  readonly keeper: MetadataKeeper | undefined;
  /** Until when metadata that cannot be had keep the listing from being complete, where nothing was known before. */
  readonly coldUntilMs: number;
  readonly concurrency: number;
  readonly batches: BatchSupport;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts with the connection. */
  readonly signal: AbortSignal;
}

const maxUnits = 500_000;
/** What changes no instance is read few at a time, so that what does never waits for it. */
const backgroundConcurrency = 8;
/** After the listing. */
const surroundingsAfterMs = 2000;
const maxShownNames = 5;
const maxMetadataWaitMs = 15_000;

/**
 * - `listing`: not everything was read over this connection; nothing is published
 * - `partial`: something was never read, because it can't be; what is known is published, with no claim to be complete
 * - `complete`: everything was listed; each change is published
 */
type Phase = 'listing' | 'partial' | 'complete';

/**
 * Follows the registry over one connection:
 * 1. watches are armed, then everything is read once, so that no change falls in between;
 * 2. the complete listing is published at once;
 * 3. each event has its one unit read again, and what that changed is published.
 * A unit that cannot be read keeps what it had and is retried. When it never had anything, the others are published
 * without claiming to be complete, until it can be read.
 */
export class Follower {
  readonly nodes: NodeReader;
  readonly #options: FollowerOptions;
  readonly #reader: TreeReader;
  readonly #queue: RereadQueue;
  readonly #background: RereadQueue;
  readonly #surroundings: Surroundings;
  readonly #classic: boolean;
  #phase: Phase = 'listing';
  #isCold: boolean;
  /** Units that are to be read before everything is listed. */
  readonly #first = new Set<string>();
  readonly #listed = deferred();
  /** Units that a list had and no watch had told of. */
  #finds = 0;
  /** What was not read yet in this process, because reading failed: keys of units, and of applications' metadata. */
  readonly #unread = new Set<string>();
  /** Why, by the scope that is shown. */
  readonly #failing = new Map<string, Error>();

  constructor(options: FollowerOptions) {
    const { connection, places, state, keeper, reads, concurrency, clock, signal, out } = options;
    this.#options = options;
    this.#isCold = clock.now() < options.coldUntilMs;
    this.#classic = options.watch === 'classic';
    this.nodes = new NodeReader(connection, this.#classic, options.batches);
    this.#surroundings = new Surroundings(out, state, signal);
    this.#reader = new TreeReader({
      ...{ nodes: this.nodes, places, state, keeper, signal, withRules: reads.rules, withConsumers: reads.consumers },
      onFound: (unit, isNews) => this.#found(unit, isNews),
      onConsumers: (root, interfaceName, names) => this.#surroundings.consumers(root, interfaceName, names),
      onListed: (root, count, names) => this.#warnOfList(root, count, names),
      onMappingTrouble: (error) => this.#surroundings.mapping(error),
    });
    const shared = {
      onOverflow: () => connection.fail(new ZookeeperError('PROTOCOL', 'more nodes change than can be followed')),
      ...{ maxWaiting: maxUnits, clock, signal },
    };
    this.#queue = new RereadQueue({
      ...shared,
      read: (key) => this.#read(key),
      onFailure: (key, error) => this.#failed(key, error),
      concurrency,
    });
    this.#background = new RereadQueue({
      ...shared,
      read: (key) => this.#readSurroundings(key),
      onFailure: (key, error) => this.#failedSurroundings(parseUnit(key), error),
      concurrency: backgroundConcurrency,
    });
  }

  /** Whether everything was read once over this connection. */
  get isListed(): boolean {
    return this.#phase !== 'listing';
  }

  /** Whether the node is known to differ from what was read of it. */
  isPending(place: Place): boolean {
    return unitsOf(place).some((unit) => {
      const key = unitKey(unit);
      const queue = this.#queueOf(unit);
      return queue.has(key) || queue.isFailing(key);
    });
  }

  /** Resolves when what stood in the queue for a place was read, or could not be. @throws the signal's reason */
  async hasRead(place: Place): Promise<void> {
    for (const unit of unitsOf(place)) await this.#queueOf(unit).idle(unitKey(unit));
  }

  /** Whether the node is a list whose changes are told by its children, each by itself, and that is not read for them. */
  isToldByChildren(place: Place): boolean {
    return !this.#classic && isList(place);
  }

  /** Reads a list again. @returns whether it has what no watch told of @throws the signal's reason */
  async findsUntold(place: Place): Promise<boolean> {
    const before = this.#finds;
    this.reread(place);
    await this.hasRead(place);
    return this.#finds !== before;
  }

  notice(key: string, text: string | undefined): void {
    this.#options.out.notice(key, text);
  }

  /** Has what stands at a place read again. */
  reread(place: Place): void {
    this.#distrust(place);
    for (const unit of unitsOf(place)) this.#queueOf(unit).mark(unitKey(unit));
  }

  /**
   * Arms the watches, lists and publishes everything; then goes on by events until the signal aborts.
   * @throws ZookeeperError UNIMPLEMENTED when the server has no recursive watches; the signal's reason
   */
  async start(): Promise<void> {
    const { connection, places, state, clock, signal } = this.#options;
    connection.onEvent = (event) => this.#onEvent(event);
    this.#surroundings.begin();
    if (!this.#classic) await Promise.all(places.watched.map((path) => connection.addRecursiveWatch(path)));
    await this.#list();
    this.#phase = 'partial';
    if (!this.#completeIfRead()) {
      for (const service of state.services()) this.#options.out.upsert(this.#withEarlier(service));
      void this.#endCold();
    }
    // Twice as many requests as the listing took: those who wait for that, and for the mesh, come first.
    clock.sleep(surroundingsAfterMs, signal).then(
      () => this.#background.start(),
      () => undefined, // only an abort rejects
    );
  }

  /**
   * Reads what a server without a quorum knows, once and with no watch. It may be old, so it takes nothing away: it is
   * published only when nothing was known before, and with no claim to be complete.
   */
  async readStale(): Promise<void> {
    const { state, out } = this.#options;
    await this.#list();
    for (const service of state.services()) out.upsert(this.#withEarlier(service));
  }

  /** Metadata of an application have come. */
  metadataArrived(application: string): void {
    this.#updateApplication(application);
    if (this.#phase === 'partial') this.#completeIfRead();
  }

  metadataFailed(application: string, error: Error): void {
    const scope = metadataScope(application);
    const told = new Error(`${scope}: ${error.message}`, { cause: error });
    this.#failing.set(scope, told);
    this.#tell(scope, told);
  }

  async #list(): Promise<void> {
    const { places, reads, keeper, signal, state } = this.#options;
    const units: Unit[] = [];
    if (reads.rules) units.push({ kind: 'rules' });
    if (reads.interfaces) units.push(...places.roots.map((_, root): Unit => ({ kind: 'root', root })));
    if (keeper) units.push({ kind: 'applications' });
    for (const unit of units) this.#found(unit);
    this.#queue.start();
    const onAbort = () => this.#listed.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    // The lists of what there is went out by themselves; what they name is read together.
    this.nodes.readsMany = true;
    await this.#listed.promise;
    this.nodes.readsMany = false;
    signal.removeEventListener('abort', onAbort);
    if (!keeper) return;
    await this.#metadataSettled(keeper);
    for (const name of state.applications) this.#updateApplication(name);
  }

  /** Not for longer than a bound: of many providers out of reach each costs its time, and the rest waits for none. */
  async #metadataSettled(keeper: MetadataKeeper): Promise<void> {
    const { clock, signal } = this.#options;
    const over = new AbortController();
    const within = AbortSignal.any([signal, over.signal]);
    try {
      const settled = keeper.settled(within);
      // When the time is over first, it ends with the signal, and nobody waits for it any more.
      settled.catch(() => undefined);
      await Promise.race([settled, clock.sleep(maxMetadataWaitMs, within)]);
    } finally {
      over.abort(new Error('the wait is over'));
    }
  }

  #completeIfRead(): boolean {
    if (this.#unread.size > 0) return false;
    const { out, state } = this.#options;
    this.#phase = 'complete';
    state.listed();
    out.replaceAll(state.services());
    for (const name of state.applications) {
      const scope = metadataScope(name);
      if (!state.isLacking(name) || this.#failing.has(scope)) continue;
      this.#failing.set(scope, new Error(`${scope}: they have not come yet`));
    }
    for (const [scope, error] of this.#failing) out.degraded(error, scope);
    return true;
  }

  /** Metadata that cannot be had are waited for no longer. Never rejects. */
  async #endCold(): Promise<void> {
    const { clock, coldUntilMs, signal, state } = this.#options;
    // Only the abort ends the sleep early.
    await clock.sleep(Math.max(0, coldUntilMs - clock.now()), signal).catch(() => undefined);
    this.#isCold = false;
    if (signal.aborted || this.#phase !== 'partial') return;
    for (const name of state.applications) this.#unread.delete(metadataScope(name));
    this.#completeIfRead();
  }

  #found(unit: Unit, isNews = false): void {
    const key = unitKey(unit);
    // An event comes before any reply that shows its change.
    if (isNews && !this.#queueOf(unit).has(key)) this.#finds++;
    if (this.#queueOf(unit) === this.#queue) {
      if (this.#phase === 'listing') this.#first.add(key);
      // Of a list that could not be read at first: what it holds is lacking as the list was.
      else if (!this.#options.state.wasListed && unit.kind !== 'rule') this.#unread.add(key);
    }
    this.#queueOf(unit).mark(key);
  }

  #queueOf({ kind }: Unit): RereadQueue {
    const isBackground = kind === 'surroundings' || kind === 'mappings' || kind === 'mapping';
    return isBackground ? this.#background : this.#queue;
  }

  #onEvent({ type, path }: WatchEvent): void {
    const place = this.#options.places.locate(path);
    if (place === undefined) return;
    // The names of nodes are all that is read of these.
    const isData =
      place.kind === 'rule' || place.kind === 'mapping' || (place.kind === 'application' && place.child !== undefined);
    if (type === eventTypes.dataChanged && !isData) return;
    // A recursive watch tells of each child itself.
    if (this.isToldByChildren(place)) return;
    if (place.kind === 'rule' && !TreeReader.isRule(place.name)) return;
    this.reread(place);
  }

  /** What was known of the place before may be old. */
  #distrust(place: Place): void {
    if (place.kind === 'interface') this.#reader.touch(place.root, place.name, place.category);
    if (place.kind === 'application' && place.child !== undefined) {
      this.#options.state.instances(place.name)?.distrust(place.child);
    }
  }

  async #read(key: string): Promise<void> {
    const unit = parseUnit(key);
    const { state } = this.#options;
    const before = unit.kind === 'applications' ? [...state.applications] : [];
    try {
      this.publish(await this.#reader.read(unit));
    } catch (error) {
      if (!(error instanceof PartialReading)) throw error;
      this.publish(error.changes);
      throw error.cause;
    }
    if (unit.kind === 'application') this.#updateApplication(unit.name);
    // Those that are gone have no reading of their own, and nothing of them is waited for any more.
    for (const name of before) if (!state.instances(name)) this.#updateApplication(name);
    this.#recovered(unitScope(unit, this.#options.places));
    this.#unread.delete(key);
    if (this.#phase === 'partial') this.#completeIfRead();
    this.#hasBeenTried(key);
  }

  async #readSurroundings(key: string): Promise<void> {
    const unit = parseUnit(key);
    this.publish(await this.#reader.read(unit));
    if (unit.kind === 'surroundings') this.#surroundings.readable(unitScope(unit, this.#options.places));
  }

  #failedSurroundings(unit: Unit, error: Error): void {
    // What cannot be read of the mapping is told as what it means.
    if (unit.kind === 'surroundings') this.#surroundings.unreadable(unitScope(unit, this.#options.places), error);
  }

  #hasBeenTried(key: string): void {
    if (this.#first.delete(key) && this.#first.size === 0) this.#listed.resolve();
  }

  #updateApplication(name: string): void {
    const { state, keeper } = this.#options;
    if (!keeper || !state.instances(name)) {
      this.#unread.delete(metadataScope(name));
      this.#recovered(metadataScope(name));
      this.#surroundings.instancesOf(name);
      return;
    }
    this.publish(state.updateApplication(name, (revision) => keeper.get(name, revision)));
    this.#surroundings.instancesOf(name);
    if (state.isLacking(name)) {
      if (!state.wasListed && this.#isCold) this.#unread.add(metadataScope(name));
      return;
    }
    this.#unread.delete(metadataScope(name));
    this.#recovered(metadataScope(name));
  }

  publish({ changed, removed }: Changes): void {
    if (this.#phase === 'listing') return;
    const { out } = this.#options;
    for (const service of changed) out.upsert(this.#withEarlier(service));
    for (const name of removed) {
      const earlier = this.#options.state.earlier(name);
      if (!earlier || !concernsAny(earlier, this.#unreadUnits())) out.remove(name);
    }
  }

  /** Before everything was listed: nothing goes that may only not have been read. */
  #withEarlier(service: Service): Service {
    const earlier = this.#options.state.earlier(service.name);
    return earlier ? withEarlierInstances(service, earlier, this.#unreadUnits()) : service;
  }

  *#unreadUnits(): Generator<Unit> {
    for (const key of this.#unread) if (!key.startsWith(metadataPrefix)) yield parseUnit(key);
  }

  #failed(key: string, error: Error): void {
    const unit = parseUnit(key);
    const { state, places } = this.#options;
    const scope = unitScope(unit, places);
    this.#failing.set(scope, error);
    // What was published in this process is in the state, so a listing without the rest takes nothing away. A rule that
    // can't be read leaves nothing out.
    const isRule = unit.kind === 'rules' || unit.kind === 'rule';
    const isKnown = unit.kind === 'interface' && state.roots[unit.root]?.has(unit.name) === true;
    if (this.#phase === 'listing' && !state.wasListed && !isRule && !isKnown) this.#unread.add(key);
    this.#tell(scope, error);
    this.#hasBeenTried(key);
  }

  #tell(scope: string, error: Error): void {
    // Before everything was listed once, the source as a whole is what is not complete.
    if (this.#phase === 'complete') this.#options.out.degraded(error, scope);
    else this.#options.out.degraded(error);
  }

  #recovered(scope: string): void {
    if (!this.#failing.delete(scope) || this.#phase !== 'complete') return;
    this.#options.out.recovered(scope);
    // Where so many failed that they were counted as the whole source.
    if (this.#failing.size === 0) this.#options.out.recovered();
  }

  #warnOfList(root: string, count: number, badNames: readonly string[]): void {
    const { logger } = this.#options;
    if (count === 0) logger.warn({ root }, 'the root of the registry is empty or does not exist');
    if (badNames.length === 0) return;
    const first = badNames.slice(0, maxShownNames).map(shownUrl);
    logger.warn({ root, count: badNames.length, first }, 'nodes are named like no interface and left out');
  }
}

function isList({ kind }: Place): boolean {
  return kind === 'root' || kind === 'applications' || kind === 'rules' || kind === 'mappings';
}

const metadataPrefix = 'metadata of application ';

function metadataScope(application: string): string {
  return `${metadataPrefix}${application}`;
}
