import type { Logger } from 'pino';
import { isRecord } from '../../core/model/is-record.js';
import { type BackoffOptions, backoffMs, type Clock, formatHostPort, type TlsClient } from '../../core/plugin/index.js';
import { NacosConnection } from './connection.js';
import { nameChanges, watchNames } from './fuzzy-watch.js';
import type { NacosHttp } from './http-client.js';
import type { NacosLogin } from './login.js';
import { isRefused, NacosError, toError } from './nacos-error.js';
import { listNames, type NameList } from './name-list.js';
import type { Message } from './payload.js';
import type { RequestGate } from './request-gate.js';
import type { NacosServer } from './server.js';
import { bareName, type ServiceKey } from './service-key.js';
import { Subscriptions } from './subscriptions.js';

/** Where names are pushed, they are listed so many times less often, to be sure. */
const pushedListFactor = 6;
/** Lists in a row that changed while they were read, before that counts as a failure. */
const maxTornLists = 10;
const auditTickMs = 1000;
const settleTickMs = 100;

/** What a reader tells of its namespace. Must not throw. */
export interface NamespaceEvents {
  /** Names of the services that were published of the namespace. */
  published(namespace: string): readonly ServiceKey[];
  /** A new connection begins: services that lost instances meanwhile are held back until `release`. */
  hold(namespace: string): void;
  /** How many services are held back. */
  held(namespace: string): number;
  release(namespace: string): void;
  /** @returns whether the instances are new */
  instances(key: ServiceKey, hosts: readonly unknown[]): boolean;
  removed(key: ServiceKey): void;
  /** Every service of the namespace has been read on this connection. */
  complete(namespace: string): void;
  /** Something of the namespace cannot be read. */
  failed(namespace: string, error: Error): void;
  auditDifference(key: ServiceKey): void;
}

export interface NamespaceReaderOptions {
  readonly namespace: string;
  readonly servers: readonly NacosServer[];
  readonly groups: readonly string[] | undefined;
  /** Whether a service is of interest. */
  readonly selects: (key: ServiceKey) => boolean;
  readonly tls: TlsClient | undefined;
  readonly http: NacosHttp;
  readonly login: NacosLogin;
  readonly gate: RequestGate;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: BackoffOptions;
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly listIntervalMs: number;
  readonly auditIntervalMs: number;
  readonly settleMs: number;
  readonly events: NamespaceEvents;
}

/**
 * Reads one namespace over a connection of its own: a push names group and service but no namespace, so that two
 * namespaces on one connection could not be told apart.
 */
export class NamespaceReader {
  readonly #options: NamespaceReaderOptions;
  readonly #subscriptions: Subscriptions;
  #listed = false;
  #settled = false;
  #complete = false;
  #attempt = 0;
  #server: number;

  constructor(options: NamespaceReaderOptions) {
    const { clock, gate, backoff, events, namespace, logger } = options;
    this.#options = options;
    // Spreads many readers over the cluster.
    this.#server = Math.floor(Math.random() * options.servers.length);
    this.#subscriptions = new Subscriptions({
      clock,
      gate,
      backoff,
      events: {
        instances: (key, hosts) => events.instances(key, hosts),
        removed: (key) => events.removed(key),
        failing: (error) => this.#failed(error),
        progress: () => this.#evaluate(),
        unreadable: ({ group, name }, error) =>
          logger.warn({ err: error, namespace, group, service: name }, 'the server lets nobody read this service'),
        auditDifference: (key) => events.auditDifference(key),
      },
    });
  }

  /** Reads until `signal` aborts; connects anew whenever the connection is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, backoff } = this.#options;
    while (!signal.aborted) {
      const error = await this.#connect(signal).catch(toError);
      if (signal.aborted) return;
      this.#failed(error);
      // Only the abort ends the sleep early, and the loop looks at that.
      await clock.sleep(backoffMs(this.#attempt++, backoff), signal).catch(() => undefined);
    }
  }

  /** One connection from beginning to end. @returns why it ended */
  async #connect(signal: AbortSignal): Promise<Error> {
    const { servers, tls, login, clock, requestTimeoutMs, keepAliveMs } = this.#options;
    const server = servers[this.#server];
    if (!server) return new NacosError('no server is configured', 0);
    this.#server = (this.#server + 1) % servers.length;
    let connection: NacosConnection;
    try {
      const onPush = (message: Message) => this.#pushed(message);
      const options = { server, tls, login, clock, requestTimeoutMs, keepAliveMs, onPush };
      connection = await NacosConnection.open(options, signal);
    } catch (error) {
      return toError(error);
    }
    const close = () => connection.close(signal.reason);
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    try {
      await this.#read(connection);
    } catch (error) {
      connection.close(error);
    } finally {
      signal.removeEventListener('abort', close);
      await this.#subscriptions.detach();
    }
    this.#follow(connection.redirect);
    return toError(connection.lost.reason);
  }

  /** Rejects when the connection is lost. */
  async #read(connection: NacosConnection): Promise<void> {
    const { namespace, logger, events } = this.#options;
    this.#listed = false;
    this.#complete = false;
    this.#settled = false;
    events.hold(namespace);
    logger.debug({ namespace, server: formatHostPort(connection.server.grpc) }, 'connected');
    this.#subscriptions.attach(connection, events.published(namespace));
    await Promise.all([this.#settle(connection), this.#watchNames(connection), this.#audit(connection)]);
  }

  /**
   * A server that was restarted begins with no ephemeral instance and gets them back as its clients notice; until then
   * its answers are true and of no use. So a loss that a new connection tells of is published after a time only.
   */
  async #settle(connection: NacosConnection): Promise<void> {
    const { clock, settleMs, events, namespace } = this.#options;
    let told = false;
    for (let waitedMs = 0; waitedMs < settleMs && !this.#settled; waitedMs += settleTickMs) {
      const held = events.held(namespace);
      if (this.#isRead && held > 0 && !told) {
        this.#failed(new Error(`${held} services lack instances since the last connection; they have ${settleMs} ms`));
        told = true;
      }
      this.#evaluate();
      await clock.sleep(settleTickMs, connection.lost);
    }
    if (!this.#settled) this.#release();
    this.#evaluate();
  }

  #release(): void {
    this.#settled = true;
    this.#options.events.release(this.#options.namespace);
  }

  async #watchNames(connection: NacosConnection): Promise<never> {
    const { clock, listIntervalMs, backoff } = this.#options;
    let torn = 0;
    let failures = 0;
    for (;;) {
      let waitMs: number;
      try {
        // Before the list, so that no name can come unseen between the two.
        const pushed = await this.#watchPushedNames(connection);
        const list = await this.#list(connection);
        torn = list.complete ? 0 : torn + 1;
        if (torn > maxTornLists) throw new NacosError('the list of services changes faster than it can be read', 0);
        failures = 0;
        if (list.complete) {
          this.#listed = true;
          this.#evaluate();
        }
        const intervalMs = listIntervalMs * (pushed ? pushedListFactor : 1);
        waitMs = list.complete ? intervalMs * (0.9 + 0.2 * Math.random()) : backoffMs(torn, backoff);
      } catch (error) {
        connection.lost.throwIfAborted();
        this.#listed = false;
        this.#failed(toError(error));
        waitMs = backoffMs(failures++, backoff);
      }
      await clock.sleep(waitMs, connection.lost);
    }
  }

  /** @returns whether the server pushes every name that comes or goes */
  async #watchPushedNames(connection: NacosConnection): Promise<boolean> {
    if (!connection.can('fuzzyWatch')) return false;
    const { namespace, groups, logger } = this.#options;
    try {
      const pushed = await watchNames(connection, namespace, groups, this.#subscriptions.keys);
      if (!pushed) logger.debug({ namespace }, 'more services than the server pushes the names of; listing instead');
      return pushed;
    } catch (error) {
      if (isRefused(error) || !(error instanceof NacosError) || error.code === 0) throw error;
      logger.debug({ namespace, err: error }, 'the server does not push names; listing instead');
      return false;
    }
  }

  async #list(connection: NacosConnection): Promise<NameList> {
    const { http, login, namespace, groups, selects } = this.#options;
    const list = await listNames({ connection, http, login, namespace, groups });
    const selected = list.services.filter(selects);
    if (list.complete) this.#subscriptions.listed(selected);
    else for (const key of selected) this.#subscriptions.add(key);
    return list;
  }

  /** Reads every service once in the interval, a few at each tick. What is lost on the way is not lost for ever. */
  async #audit(connection: NacosConnection): Promise<never> {
    const { clock, auditIntervalMs, logger, namespace } = this.#options;
    const tickMs = Math.min(auditTickMs, auditIntervalMs);
    let queue: readonly ServiceKey[] = [];
    let next = 0;
    let due = 0;
    for (;;) {
      await clock.sleep(tickMs * (0.9 + 0.2 * Math.random()), connection.lost);
      if (next >= queue.length) {
        queue = this.#subscriptions.keys;
        next = 0;
      }
      due += (queue.length * tickMs) / auditIntervalMs;
      const batch = queue.slice(next, next + Math.floor(due));
      due -= Math.floor(due);
      next += batch.length;
      const results = await Promise.allSettled(batch.map((key) => this.#subscriptions.audit(key)));
      connection.lost.throwIfAborted();
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) logger.debug({ namespace, err: failed.reason }, 'an audit failed; the next one comes in its turn');
    }
  }

  #pushed(message: Message): void {
    const { namespace, selects } = this.#options;
    if (message.type === 'NotifySubscriberRequest') {
      const push = pushedInstances(message.body, namespace);
      if (push) this.#subscriptions.pushed(push.key, push.hosts);
      return;
    }
    for (const { kind, key } of nameChanges(message)) {
      if (key.namespace !== namespace || !selects(key)) continue;
      if (kind === 'added') this.#subscriptions.add(key);
      else this.#subscriptions.gone(key);
    }
  }

  #evaluate(): void {
    const { namespace, events } = this.#options;
    if (this.#complete || !this.#isRead) return;
    if (!this.#settled && events.held(namespace) === 0) this.#release();
    if (!this.#settled) return;
    this.#complete = true;
    this.#attempt = 0;
    events.complete(namespace);
  }

  /** Whether every service there is has been answered on this connection. */
  get #isRead(): boolean {
    const { pending, failing } = this.#subscriptions;
    return this.#listed && pending === 0 && failing === 0;
  }

  #failed(error: Error): void {
    this.#complete = false;
    const { namespace, events } = this.#options;
    const hint = isRefused(error) ? ` (is the user allowed to read the namespace ${JSON.stringify(namespace)}?)` : '';
    events.failed(namespace, hint === '' ? error : new Error(`${error.message}${hint}`, { cause: error }));
  }

  /** Goes to the server that the last one named, if it is one of ours: a registry does not send us anywhere else. */
  #follow(redirect: string | undefined): void {
    if (redirect === undefined) return;
    const index = this.#options.servers.findIndex(({ baseUrl }) => new URL(baseUrl).host === redirect);
    if (index >= 0) this.#server = index;
  }
}

function pushedInstances(
  body: Message['body'],
  namespace: string,
): { key: ServiceKey; hosts: readonly unknown[] } | undefined {
  const info = body['serviceInfo'];
  if (!isRecord(info)) return undefined;
  const { name, groupName: group, hosts } = info;
  if (typeof name !== 'string' || typeof group !== 'string' || !Array.isArray(hosts)) return undefined;
  return { key: { namespace, group, name: bareName(name) }, hosts };
}
