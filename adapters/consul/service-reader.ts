import { backoffMs, type Clock, type Service, sameService } from '../../core/plugin/index.js';
import type { Answer, ConsulClient, Query } from './client.js';
import { ConsulError, toConsulError } from './consul-error.js';
import { type ConvertOptions, convertService, type ServiceIdentity } from './convert.js';
import type { Edges } from './declared-consumers.js';
import { type DecodedEntries, decodeEntries, type ServiceEntry } from './entries.js';
import type { ServiceState } from './service-state.js';
import type { Sharing } from './sharing.js';

/** Where the services of one datacenter go. Names are Consul's. */
export interface DatacenterOutput {
  /**
   * The whole datacenter was read.
   * @param failed services that could not be read, and that a part of it is thus not told of
   * @param names of all that was read or may be hidden, also of what is not published
   */
  listed(services: ReadonlyMap<string, Service>, failed: ReadonlyMap<string, Error>, names: ReadonlySet<string>): void;
  /** After `listed`: one service, whole. */
  changed(name: string, service: Service): void;
  /** After `listed`: one service cannot be read for the time being. */
  failed(name: string, reason: Error): void;
  /** After `listed`: the reason given to `failed` is over. */
  recovered(name: string): void;
  /** What the proxies of a service declare to consume; at any time. */
  consumes(name: string, edges: Edges): void;
  /** What operators should know of the datacenter; undefined ends it. */
  notice(key: string, text: string | undefined): void;
}

export interface ReaderOptions {
  readonly client: ConsulClient;
  readonly convert: ConvertOptions;
  /** Whether answers may come from a server that is behind. */
  readonly isStale: boolean;
  readonly sharing: Sharing;
  readonly clock: Clock;
  identify(name: string): ServiceIdentity;
  /** Called with all that was read of a service, whether it changed anything or not. */
  readonly onEntries: (state: ServiceState, entries: readonly ServiceEntry[]) => void;
  readonly onChange: (state: ServiceState) => void;
  readonly onFailure: (state: ServiceState, error: ConsulError) => void;
  readonly onRecovery: (state: ServiceState) => void;
  /** Reads the list of services. Rejects when it is none that a registry can have. */
  readonly confirmList: (signal: AbortSignal) => Promise<void>;
}

/** A tag that nobody has: the answer is `[]`, and its header tells the service's index all the same. */
const noTag = '\u0001';
const busyRetries = 2;

/** Reads services one by one and keeps their states. */
export class ServiceReader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  query(name: string): Query {
    return { path: `/v1/health/service/${encodeURIComponent(name)}`, of: 'instances' };
  }

  /**
   * Reads the service and takes over what it says.
   * @param consistent waits for a leader that has caught up with its log
   * @throws ConsulError when the registry as a whole cannot be read, or its state is older than it was
   */
  async read(state: ServiceState, signal: AbortSignal, consistent = false): Promise<void> {
    try {
      const answer = await this.#get({ ...this.query(state.name), consistent }, signal);
      this.#refuseOlder(state, answer);
      await this.#take(state, answer, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.fail(state, error);
    }
  }

  /** Whether the service's index is another than that of the last read. @throws ConsulError */
  async hasMoved(state: ServiceState, signal: AbortSignal): Promise<boolean> {
    if (state.index === 0) return true;
    // The catalog's own list costs Consul half of what the one with health does, and its index is the same.
    const path = `/v1/catalog/service/${encodeURIComponent(state.name)}`;
    const answer = await this.#get({ path, of: 'instances', tag: noTag }, signal);
    return answer.index !== state.index;
  }

  /** The service as it is in Consul now, or `unreadable` alone; nothing is taken over. @throws ConsulError */
  async look(state: ServiceState, signal: AbortSignal): Promise<Service | undefined | 'unreadable'> {
    const answer = await this.#get(this.query(state.name), signal);
    try {
      const decoded = decodeEntries(answer.parse());
      refuseHidden(state, answer, decoded);
      refuseBroken(state, decoded);
      const { convert, sharing, identify } = this.#options;
      return convertService(identify(state.name), decoded, convert, sharing, state.service);
    } catch (error) {
      if (isOfServiceAlone(error)) return 'unreadable';
      throw error;
    }
  }

  /**
   * Takes over the answer to a blocking query. A server streams what it has applied of the log itself, which may be behind
   * what was read of the leader, and does not say what ACLs take out of it: where it may be so, the leader is asked.
   * @throws ConsulError when the registry as a whole cannot be read, or its state is older than it was
   */
  async takeFollowed(state: ServiceState, answer: Answer, signal: AbortSignal): Promise<void> {
    const isDoubtful =
      answer.streamed && (answer.index < state.index || isMissing(state.service, decodeEntries(answer.parse())));
    const taken = isDoubtful ? await this.#get(this.query(state.name), signal) : answer;
    this.#refuseOlder(state, taken);
    await this.#take(state, taken, signal);
  }

  /**
   * The leader's state is older than it was only if the servers' data were replaced. Stale reads come from one server and
   * then from another that is behind, and there it is normal.
   */
  #refuseOlder(state: ServiceState, answer: Answer): void {
    const { client, isStale } = this.#options;
    if (answer.index < state.index && !isStale) throw wentBack(client.server);
  }

  /** @throws ConsulError; the state is then as before */
  async #take(state: ServiceState, answer: Answer, signal: AbortSignal): Promise<void> {
    const { convert, sharing, confirmList } = this.#options;
    const decoded = decodeEntries(answer.parse());
    // A server that answers everything with nothing would empty service after service, each too small to be held.
    if (decoded.entries.length === 0 && state.service?.instances.length) await confirmList(signal);
    refuseHidden(state, answer, decoded);
    refuseBroken(state, decoded);
    const before = state.service;
    const service = convertService(this.#options.identify(state.name), decoded, convert, sharing, before);
    state.index = answer.index;
    state.nodes = new Set(decoded.entries.map((entry) => entry.node));
    this.#options.onEntries(state, decoded.entries);
    if (state.failures > 0) {
      state.failures = 0;
      this.#options.onRecovery(state);
    }
    if (service === undefined || (before && sameService(before, service) && sameRejections(before, service))) return;
    state.service = service;
    this.#options.onChange(state);
  }

  /** Notes what is a failure of this service alone. @throws `error` when it is more than that */
  fail(state: ServiceState, error: unknown): void {
    const failure = toConsulError(error);
    if (!isOfServiceAlone(failure)) throw failure;
    state.failures++;
    this.#options.onFailure(state, failure);
  }

  /** A server that is busy for a moment is no reason to read everything anew. */
  async #get(query: Query, signal: AbortSignal): Promise<Answer> {
    const { client, clock } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        return await client.get(query, signal);
      } catch (error) {
        const isBusy = error instanceof ConsulError && error.failure === 'unavailable';
        if (!isBusy || attempt >= busyRetries) throw error;
        await clock.sleep(backoffMs(attempt, { baseMs: 200, maxMs: 1000 }), signal);
      }
    }
  }
}

/** Only the servers' state as a whole can be older than it was: every index that is known is void. */
export function wentBack(server: string): ConsulError {
  return new ConsulError('unavailable', `${server}: the index went backwards; everything is read anew`);
}

function isOfServiceAlone(error: unknown): boolean {
  return error instanceof ConsulError && (error.failure === 'malformed' || error.failure === 'hidden');
}

/**
 * "200 and empty" is not empty where ACLs took something out: what is missing then may be there all the same.
 * A caller with no token is not told; for it, a service that the catalog's list still has is not empty.
 */
function refuseHidden(state: ServiceState, answer: Answer, decoded: DecodedEntries): void {
  const isEmpty = decoded.entries.length === 0 && decoded.rejected.length === 0;
  const isHidden =
    answer.hidden === 'some'
      ? isEmpty || isMissing(state.service, decoded)
      : answer.hidden === 'unknown' && isEmpty && state.listed;
  if (!isHidden) return;
  throw new ConsulError(
    'hidden',
    `service ${state.name}: ACLs hide instances from the token (node:read, service:read)`,
  );
}

/** Consul writes no row that cannot be read: where none can, the answer is not what is registered. */
function refuseBroken(state: ServiceState, { entries, rejected }: DecodedEntries): void {
  if (entries.length > 0 || rejected.length === 0 || !state.service?.instances.length) return;
  throw new ConsulError('malformed', `service ${state.name}: none of its rows is as Consul writes it`);
}

/** Whether `decoded` lacks an instance that was published. */
function isMissing(before: Service | undefined, { entries }: DecodedEntries): boolean {
  if (before === undefined) return false;
  const ids = new Set(entries.map((entry) => `${entry.node}/${entry.id}`));
  return before.instances.some((instance) => !ids.has(instance.id));
}

function sameRejections(a: Service, b: Service): boolean {
  const [before = [], after = []] = [a.rejected, b.rejected];
  return before.length === after.length && before.every((item, index) => item.record === after[index]?.record);
}
