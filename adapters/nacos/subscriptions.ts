import { isRecord } from '../../core/model/is-record.js';
import { type AuditDifference, type BackoffOptions, backoffMs, type Clock } from '../../core/plugin/index.js';
import type { NacosConnection } from './connection.js';
import { isBadParameter, NacosError, toError } from './nacos-error.js';
import type { RequestGate } from './request-gate.js';
import { formatServiceKey, type ServiceKey } from './service-key.js';

/** A service that cannot be subscribed makes its namespace degraded from this failure on. */
const toleratedFailures = 2;
/** A service must be missing in so many complete lists before it is asked for by name. */
const missedLists = 2;

/** The instances of a service, whole, as they came. */
export interface ServiceAnswer {
  readonly hosts: readonly unknown[];
  /** Too few are healthy, so the server calls all of them healthy. */
  readonly isProtected: boolean;
}

/** What becomes of what the server says. Must not throw. */
export interface SubscriptionEvents {
  instances(key: ServiceKey, answer: ServiceAnswer): void;
  /** As `instances`, read to be sure. @returns how it differs from what had been pushed */
  audited(key: ServiceKey, answer: ServiceAnswer): readonly AuditDifference[];
  /** The service is in no list any more, and has no instance when asked for, or lets nobody ask. */
  removed(key: ServiceKey): void;
  /** A service cannot be read although its namespace can. */
  failing(error: Error): void;
  /** Something that was pending is done; perhaps all is. */
  progress(): void;
  /** The server's parameter check lets nobody read a service of this name. */
  unreadable(key: ServiceKey, error: Error): void;
}

interface Subscription {
  readonly key: ServiceKey;
  wanted: boolean;
  /** Subscribed on this connection, with its instances answered. */
  held: boolean;
  busy: boolean;
  /** Complete lists in a row that lacked it. */
  missed: number;
  /** To be asked for by name, and given up when it has no instance. */
  doubted: boolean;
  failures: number;
  /** Pushes so far: an answer that a push overtook is older than that. */
  pushes: number;
}

export interface SubscriptionOptions {
  readonly clock: Clock;
  readonly gate: RequestGate;
  readonly backoff: BackoffOptions;
  readonly events: SubscriptionEvents;
}

/**
 * The services of one namespace that are wanted, and which of them are subscribed on the connection of the moment. Each
 * has at most one request under way, so that an end and a new beginning of a subscription cannot overtake each other.
 */
export class Subscriptions {
  readonly #options: SubscriptionOptions;
  readonly #all = new Map<string, Subscription>();
  readonly #running = new Set<Promise<void>>();
  #connection: NacosConnection | undefined;
  #pending = 0;
  #failing = 0;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /** Wanted services whose instances this connection has not answered yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Services whose requests fail, again and again. */
  get failing(): number {
    return this.#failing;
  }

  get keys(): readonly ServiceKey[] {
    return [...this.#all.values()].filter(({ wanted }) => wanted).map(({ key }) => key);
  }

  /** A new connection: everything known is subscribed anew, and `published` too, be it in a list or not. */
  attach(connection: NacosConnection, published: readonly ServiceKey[]): void {
    this.#connection = undefined;
    for (const key of published) this.add(key);
    this.#connection = connection;
    this.#pending = 0;
    this.#failing = 0;
    for (const [name, subscription] of this.#all) {
      Object.assign(subscription, { held: false, missed: 0, doubted: false, failures: 0 });
      if (!subscription.wanted) this.#all.delete(name);
      else {
        this.#pending++;
        this.#settle(subscription);
      }
    }
  }

  /** The connection is lost; resolves when nothing is under way any more. */
  async detach(): Promise<void> {
    this.#connection = undefined;
    await Promise.allSettled([...this.#running]);
  }

  /** A complete list: what it has is wanted, what it lacks may be gone. */
  listed(keys: readonly ServiceKey[]): void {
    const listed = new Set<string>();
    for (const key of keys) {
      listed.add(formatServiceKey(key));
      this.add(key);
    }
    for (const [name, subscription] of this.#all) {
      if (listed.has(name) || !subscription.wanted) continue;
      if (++subscription.missed >= missedLists) this.#doubt(subscription);
    }
  }

  add(key: ServiceKey): void {
    const name = formatServiceKey(key);
    let subscription = this.#all.get(name);
    if (!subscription) {
      subscription = {
        key,
        wanted: false,
        held: false,
        busy: false,
        missed: 0,
        doubted: false,
        failures: 0,
        pushes: 0,
      };
      this.#all.set(name, subscription);
    }
    subscription.missed = 0;
    if (subscription.wanted) return;
    this.#change(subscription, { wanted: true });
    this.#settle(subscription);
  }

  /** The server pushed that the service is gone. */
  gone(key: ServiceKey): void {
    const subscription = this.#all.get(formatServiceKey(key));
    if (subscription?.wanted) this.#doubt(subscription);
  }

  /** The server pushed the instances of a service. */
  pushed(key: ServiceKey, answer: ServiceAnswer): void {
    const subscription = this.#all.get(formatServiceKey(key));
    if (!subscription?.wanted) return;
    subscription.pushes++;
    this.#options.events.instances(subscription.key, answer);
  }

  /** What was subscribed is so no longer: subscribed anew, and pending until that is answered. */
  renew(key: ServiceKey): void {
    const subscription = this.#all.get(formatServiceKey(key));
    if (!subscription?.wanted || !subscription.held) return;
    this.#change(subscription, { held: false });
    this.#settle(subscription);
  }

  /** Whether a service is read, or will be. */
  has(key: ServiceKey): boolean {
    return this.#all.get(formatServiceKey(key))?.wanted === true;
  }

  /**
   * Reads one service besides what is pushed.
   *
   * @returns how it differed; undefined when there was nothing to compare with, for it changes right now
   * @throws as {@link NacosConnection.request}
   */
  async audit(key: ServiceKey): Promise<readonly AuditDifference[] | undefined> {
    const connection = this.#connection;
    const subscription = this.#all.get(formatServiceKey(key));
    if (!connection || !subscription?.held || !subscription.wanted || subscription.busy) return undefined;
    const { pushes } = subscription;
    const answer = await this.#query(connection, key);
    if (subscription.pushes !== pushes || !subscription.wanted) return undefined;
    // That is believed the second time only, and who asks again and again tells of it then.
    if (answer.hosts.length === 0 && connection.protocol === 'http') return undefined;
    return this.#options.events.audited(key, answer);
  }

  /**
   * The answer of the server about one service, as it came.
   *
   * @throws as {@link NacosConnection.request}; Error when there is no connection
   */
  async ask(key: ServiceKey): Promise<readonly unknown[]> {
    if (!this.#connection) throw new Error('there is no connection to the registry');
    return (await this.#query(this.#connection, key)).hosts;
  }

  /** Whatever is wanted or held changes here, however it comes about, so that what is pending is counted right. */
  #change(subscription: Subscription, change: Partial<Pick<Subscription, 'wanted' | 'held'>>): void {
    const wasPending = isPending(subscription);
    Object.assign(subscription, change);
    this.#pending += Number(isPending(subscription)) - Number(wasPending);
  }

  #doubt(subscription: Subscription): void {
    subscription.doubted = true;
    this.#settle(subscription);
  }

  /** Brings one subscription to what is wanted of it, unless that is under way already. */
  #settle(subscription: Subscription): void {
    const connection = this.#connection;
    if (!connection || subscription.busy) return;
    subscription.busy = true;
    const task = this.#work(subscription, connection).finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async #work(subscription: Subscription, connection: NacosConnection): Promise<void> {
    const { clock, backoff } = this.#options;
    // `busy` ends in the same turn that finds nothing to do, so that no wish that comes meanwhile is overlooked.
    while (!connection.lost.aborted) {
      if (!needsWork(subscription)) {
        if (!subscription.wanted) this.#all.delete(formatServiceKey(subscription.key));
        break;
      }
      try {
        await this.#step(subscription, connection);
        this.#succeeded(subscription);
      } catch (error) {
        if (connection.lost.aborted) break;
        if (isBadParameter(error)) {
          this.#giveUp(subscription, toError(error));
          continue;
        }
        this.#failed(subscription, toError(error));
        // Only the loss of the connection ends the sleep, and the loop looks at that.
        await clock.sleep(backoffMs(subscription.failures - 1, backoff), connection.lost).catch(() => undefined);
      }
    }
    subscription.busy = false;
  }

  /** One request of what is to be done. */
  async #step(subscription: Subscription, connection: NacosConnection): Promise<void> {
    const { events } = this.#options;
    const { key, pushes } = subscription;
    if (isPending(subscription)) {
      const answer = await this.#subscribe(connection, key);
      this.#change(subscription, { held: true });
      if (subscription.pushes === pushes) events.instances(key, answer);
    } else if (subscription.wanted && subscription.doubted) {
      const answer = await this.#query(connection, key);
      subscription.doubted = false;
      if (answer.hosts.length > 0) {
        subscription.missed = 0;
        if (subscription.pushes === pushes) events.instances(key, answer);
      } else {
        this.#change(subscription, { wanted: false });
        events.removed(key);
      }
    } else {
      try {
        await this.#unsubscribe(connection, key);
      } finally {
        // After a failure nobody knows; should it be wanted again, it is subscribed again.
        this.#change(subscription, { held: false });
      }
    }
  }

  async #subscribe(connection: NacosConnection, key: ServiceKey): Promise<ServiceAnswer> {
    const body = { ...naming(key), clusters: '', subscribe: true };
    return answerOf(await this.#request(connection, 'SubscribeServiceRequest', body));
  }

  async #unsubscribe(connection: NacosConnection, key: ServiceKey): Promise<void> {
    await this.#request(connection, 'SubscribeServiceRequest', { ...naming(key), clusters: '', subscribe: false });
  }

  async #query(connection: NacosConnection, key: ServiceKey): Promise<ServiceAnswer> {
    const body = { ...naming(key), cluster: '', healthyOnly: false, udpPort: 0 };
    return answerOf(await this.#request(connection, 'ServiceQueryRequest', body));
  }

  #request(connection: NacosConnection, type: string, body: Readonly<Record<string, unknown>>) {
    return this.#options.gate.run(() => connection.request(type, body), connection.lost);
  }

  #succeeded(subscription: Subscription): void {
    if (subscription.failures > toleratedFailures) this.#failing--;
    subscription.failures = 0;
    this.#options.events.progress();
  }

  #failed(subscription: Subscription, error: Error): void {
    subscription.failures++;
    if (subscription.failures <= toleratedFailures) return;
    if (subscription.failures === toleratedFailures + 1) this.#failing++;
    const more = this.#failing > 1 ? `, and ${this.#failing - 1} more services` : '';
    this.#options.events.failing(new Error(`${formatServiceKey(subscription.key)}: ${error.message}${more}`));
  }

  #giveUp(subscription: Subscription, error: Error): void {
    const { events } = this.#options;
    const { key, wanted, doubted, missed } = subscription;
    if (isPending(subscription)) {
      this.#change(subscription, { held: true });
      events.unreadable(key, error);
    }
    if (wanted && doubted && missed >= missedLists) {
      // By name it can never be asked for; a push alone that it is gone is not enough.
      this.#change(subscription, { wanted: false });
      events.removed(key);
    }
    subscription.doubted = false;
    this.#succeeded(subscription);
  }
}

function isPending({ wanted, held }: Subscription): boolean {
  return wanted && !held;
}

function needsWork({ wanted, held, doubted }: Subscription): boolean {
  return wanted ? !held || doubted : held;
}

function naming({ namespace, group, name }: ServiceKey): Readonly<Record<string, string>> {
  return { module: 'naming', namespace, groupName: group, serviceName: name };
}

/** @throws NacosError when the answer has no list of instances: that is a failed read, not an empty service */
function answerOf(body: Readonly<Record<string, unknown>>): ServiceAnswer {
  const answer = serviceAnswer(body['serviceInfo']);
  if (!answer) throw new NacosError('the answer has no list of instances', 0);
  return answer;
}

/** What a `ServiceInfo` says; undefined when it has no list of instances. */
export function serviceAnswer(info: unknown): ServiceAnswer | undefined {
  if (!isRecord(info) || !Array.isArray(info['hosts'])) return undefined;
  return { hosts: info['hosts'], isProtected: info['reachProtectionThreshold'] === true };
}
