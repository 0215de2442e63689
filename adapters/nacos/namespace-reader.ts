import type { Logger } from 'pino';
import { isRecord } from '../../core/model/is-record.js';
import {
  type AuditDifference,
  type AuditReport,
  type BackoffOptions,
  backoffMs,
  formatHostPort,
} from '../../core/plugin/index.js';
import { auditForever, auditNow } from './audit.js';
import type { NacosConnection } from './connection.js';
import { nameChanges, watchNames } from './fuzzy-watch.js';
import { subscriptionLost } from './instance-poller.js';
import { configNotFound, isRefused, NacosError, toError } from './nacos-error.js';
import { listNames, type NameList } from './name-list.js';
import { type ConnectionSettings, openConnection } from './open-connection.js';
import type { Message } from './payload.js';
import type { NacosServer } from './server.js';
import { bareName, formatServiceKey, publicNamespace, type ServiceKey } from './service-key.js';
import { type ServiceAnswer, Subscriptions, serviceAnswer } from './subscriptions.js';

/** Where names are pushed, they are listed so many times less often, to be sure. */
const pushedListFactor = 6;
/** Lists in a row that changed while they were read, before that counts as a failure. */
const maxTornLists = 10;
/** Lists in a row that fail before another server is tried, if there is one. */
const maxListFailures = 3;
/** Lists that an audit reads before it gives up: each may change while its pages are read. */
const maxAuditLists = 3;
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
  instances(key: ServiceKey, answer: ServiceAnswer): void;
  /** As `instances`, read to be sure. @returns how it differs from what had been pushed */
  audited(key: ServiceKey, answer: ServiceAnswer): readonly AuditDifference[];
  /** Every service of the namespace has been looked at once, in the order of the audit. */
  auditRound(report: AuditReport): void;
  removed(key: ServiceKey): void;
  /** What else is read over a connection, until it is lost; rejects then. */
  connected(namespace: string, connection: NacosConnection): Promise<unknown>;
  /** What the server sent that is none of the reader's business. */
  pushed(namespace: string, message: Message): void;
  /** Every service of the namespace has been read on this connection. */
  complete(namespace: string): void;
  /** Something of the namespace cannot be read. */
  failed(namespace: string, error: Error): void;
}

export interface NamespaceReaderOptions {
  readonly namespace: string;
  readonly servers: readonly NacosServer[];
  /** Where all that is read is in groups that are known; undefined where they have to be found. */
  readonly groups: readonly string[] | undefined;
  /** Whether a service is of interest. */
  readonly selects: (key: ServiceKey) => boolean;
  readonly settings: ConnectionSettings;
  readonly logger: Logger;
  readonly backoff: BackoffOptions;
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
  #connection: NacosConnection | undefined;
  #listed = false;
  #settled = false;
  #complete = false;
  #attempt = 0;
  #server: number;

  constructor(options: NamespaceReaderOptions) {
    const { settings, backoff, events, namespace, logger } = options;
    this.#options = options;
    // Spreads many readers over the cluster.
    this.#server = Math.floor(Math.random() * options.servers.length);
    this.#subscriptions = new Subscriptions({
      clock: settings.clock,
      gate: settings.gate,
      backoff,
      events: {
        instances: (key, answer) => events.instances(key, answer),
        audited: (key, answer) => events.audited(key, answer),
        removed: (key) => events.removed(key),
        failing: (error) => this.#failed(error),
        progress: () => this.#evaluate(),
        unreadable: ({ group, name }, error) =>
          logger.warn({ err: error, namespace, group, service: name }, 'the server lets nobody read this service'),
      },
    });
  }

  /** Reads until `signal` aborts; connects anew whenever the connection is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, backoff } = this.#options;
    while (!signal.aborted) {
      const error = await this.#connect(signal).catch(toError);
      if (signal.aborted) return;
      this.#failed(error);
      // Only the abort ends the sleep early, and the loop looks at that.
      await settings.clock.sleep(backoffMs(this.#attempt++, backoff), signal).catch(() => undefined);
    }
  }

  /** One connection from beginning to end. @returns why it ended */
  async #connect(signal: AbortSignal): Promise<Error> {
    const { servers, settings } = this.#options;
    const server = servers[this.#server];
    if (!server) return new NacosError('no server is configured', 0);
    this.#server = (this.#server + 1) % servers.length;
    let connection: NacosConnection;
    try {
      connection = await openConnection(server, settings, (message) => this.#pushed(message), signal);
    } catch (error) {
      return toError(error);
    }
    const close = () => connection.close(signal.reason);
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    this.#connection = connection;
    try {
      await this.#read(connection);
    } catch (error) {
      connection.close(error);
    } finally {
      this.#connection = undefined;
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
    await Promise.all([
      this.#settle(connection),
      this.#watchNames(connection),
      this.#audit(connection),
      events.connected(namespace, connection),
    ]);
  }

  /**
   * A server that was restarted begins with no ephemeral instance and gets them back as its clients notice; until then
   * its answers are true and of no use. So a loss that a new connection tells of is published after a time only.
   */
  async #settle(connection: NacosConnection): Promise<void> {
    const { settings, settleMs, events, namespace } = this.#options;
    let told = false;
    for (let waitedMs = 0; waitedMs < settleMs && !this.#settled; waitedMs += settleTickMs) {
      const held = events.held(namespace);
      if (this.#isRead && held > 0 && !told) {
        this.#failed(new Error(`${held} services lack instances since the last connection; they have ${settleMs} ms`));
        told = true;
      }
      this.#evaluate();
      await settings.clock.sleep(settleTickMs, connection.lost);
    }
    if (!this.#settled) this.#release();
    this.#evaluate();
  }

  #release(): void {
    this.#settled = true;
    this.#options.events.release(this.#options.namespace);
  }

  async #watchNames(connection: NacosConnection): Promise<never> {
    const { settings, listIntervalMs, backoff, servers } = this.#options;
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
        // One that answers and is not in order: another one of the cluster may be.
        if (++failures >= maxListFailures && servers.length > 1 && !isRefused(error)) throw error;
        waitMs = backoffMs(failures - 1, backoff);
      }
      await settings.clock.sleep(waitMs, connection.lost);
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
    const { settings, namespace, groups, selects } = this.#options;
    const list = await listNames({ ...settings, connection, namespace, groups });
    const selected = list.services.filter(selects);
    if (list.complete) this.#subscriptions.listed(selected);
    else for (const key of selected) this.#subscriptions.add(key);
    return list;
  }

  /** Reads every service once in the interval, besides what is pushed. */
  #audit(connection: NacosConnection): Promise<never> {
    const { settings, auditIntervalMs, logger, events } = this.#options;
    return auditForever(connection, {
      clock: settings.clock,
      intervalMs: auditIntervalMs,
      subscriptions: this.#subscriptions,
      logger,
      onRound: (report) => events.auditRound(report),
    });
  }

  /**
   * Lists and reads everything now, repairs what differs, and says what that was. A service that is in the list and was
   * not known is read from now on; one that is known and in no list any more is asked for by name.
   *
   * @throws Error when anything could not be read, or nothing was read yet on this connection
   */
  async auditNow(): Promise<AuditReport> {
    const { namespace } = this.#options;
    const connection = this.#connection;
    if (!connection || !this.#complete) throw new Error(`the namespace ${namespace} is not read at the moment`);
    for (let tried = 0; tried < maxAuditLists; tried++) {
      const before = new Set(this.#subscriptions.keys.map(formatServiceKey));
      const list = await this.#list(connection);
      if (!list.complete) continue;
      const listed = list.services.filter(this.#options.selects);
      const missed = listed.filter((key) => !before.has(formatServiceKey(key)));
      const report = await auditNow(this.#subscriptions, listed);
      const found = missed.map((key) => ({ service: formatServiceKey(key), detail: 'the service was missed' }));
      return {
        compared: listed.length,
        differences: report.differences + found.length,
        found: [...found, ...report.found].slice(0, 100),
      };
    }
    throw new Error(`the list of the services of ${namespace} changes faster than it can be read`);
  }

  /**
   * The text of a configuration of the namespace; undefined when there is none.
   *
   * @throws Error when it cannot be read
   */
  async config(dataId: string, group: string): Promise<string | undefined> {
    const { namespace, settings } = this.#options;
    const connection = this.#connection;
    if (!connection) throw new Error('there is no connection to the registry');
    const tenant = namespace === publicNamespace ? '' : namespace;
    const body = { module: 'config', tenant, group, dataId };
    try {
      const ask = () => connection.request('ConfigQueryRequest', body);
      const { content } = await settings.gate.run(ask, connection.lost);
      if (typeof content !== 'string') throw new NacosError('the answer has no content', 0);
      return content;
    } catch (error) {
      if (error instanceof NacosError && error.code === configNotFound) return undefined;
      throw error;
    }
  }

  /** One service as the registry has it now. @throws Error when it cannot be read */
  ask(key: ServiceKey): Promise<readonly unknown[]> {
    return this.#subscriptions.ask(key);
  }

  #pushed(message: Message): void {
    const { namespace, selects } = this.#options;
    if (message.type === 'NotifySubscriberRequest') {
      const push = pushedInstances(message.body, namespace);
      if (push) this.#subscriptions.pushed(push.key, push.answer);
      return;
    }
    if (message.type === subscriptionLost) {
      const { groupName, serviceName } = message.body;
      this.#subscriptions.renew({ namespace, group: String(groupName), name: String(serviceName) });
      return;
    }
    this.#options.events.pushed(namespace, message);
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
): { key: ServiceKey; answer: ServiceAnswer } | undefined {
  const info = body['serviceInfo'];
  const answer = serviceAnswer(info);
  if (!isRecord(info) || !answer) return undefined;
  const { name, groupName: group } = info;
  if (typeof name !== 'string' || typeof group !== 'string') return undefined;
  const bare = bareName(group, name);
  return bare === undefined ? undefined : { key: { namespace, group, name: bare }, answer };
}
