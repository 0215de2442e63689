import { type Clock, linkSignal, type Service, type SourceOutput } from '../../core/plugin/index.js';
import { EarlierProviders, type EarlierService } from '../dubbo/earlier-providers.js';
import { RuleBook } from '../dubbo/rules/rule-book.js';
import type { NacosConnection } from './connection.js';
import type { ConsumerBook } from './consumer-book.js';
import { formatDubboName, parseConsumersName, parseDubboName } from './dubbo.js';
import { consumersOf } from './dubbo-consumers.js';
import { DubboDirectory } from './dubbo-directory.js';
import { type DubboReading, isApplication } from './dubbo-records.js';
import { DubboRules, type DubboRulesOptions } from './dubbo-rules.js';
import type { Message } from './payload.js';
import { RuleUsers } from './rule-users.js';
import { formatServiceKey, parseServiceKey, type ServiceKey } from './service-key.js';

export interface DubboRegistryOptions
  extends Pick<DubboRulesOptions, 'gate' | 'clock' | 'backoff' | 'intervalMs' | 'pollIntervalMs'> {
  readonly clock: Clock;
  readonly reading: DubboReading;
  readonly signal: AbortSignal;
  readonly out: SourceOutput;
  readonly consumers: ConsumerBook;
  /** What was published before the run began. */
  readonly earlier: Iterable<Service>;
  /** Whether instances that are registered by application are asked for what they provide. */
  readonly applications: boolean;
  readonly rules: boolean;
  readonly published: (key: ServiceKey) => Service | undefined;
  readonly publish: (key: ServiceKey, service: Service) => void;
  readonly remove: (key: ServiceKey) => void;
  /** The text of a configuration; undefined when there is none. */
  readonly readConfig: (namespace: string, dataId: string, group: string) => Promise<string | undefined>;
}

interface Namespace {
  readonly book: RuleBook;
  readonly rules: DubboRules;
  readonly ruleUsers: RuleUsers;
  /** By Nacos group. */
  readonly directories: Map<string, DubboDirectory>;
}

/** How long the first listing waits for what is lacking of applications. */
const maxWaitMs = 15_000;
const pollMs = 200;

/** What Dubbo has in a Nacos: providers by interface and by application, consumers, rules. */
export class DubboRegistry {
  readonly #options: DubboRegistryOptions;
  readonly #namespaces = new Map<string, Namespace>();
  /** By namespace, then by group; a namespace's go when it was read. */
  readonly #earlier = new Map<string, Map<string, EarlierService[]>>();

  constructor(options: DubboRegistryOptions) {
    this.#options = options;
    for (const service of options.earlier) this.#noteEarlier(service);
  }

  /** Whether some metadata of applications cannot be had. */
  isLacking(namespace: string): boolean {
    const directories = this.#namespaces.get(namespace)?.directories.values() ?? [];
    return [...directories].some(({ isLacking }) => isLacking);
  }

  /** The namespace was read whole: what an earlier process published of it stands in what is published, or is gone. */
  forgetEarlier(namespace: string): void {
    this.#earlier.delete(namespace);
    for (const directory of this.#namespaces.get(namespace)?.directories.values() ?? []) directory.forgetEarlier();
  }

  /**
   * The instances of a Nacos service, whole.
   * @returns whether they are Dubbo's alone; else they are to be published as what they are, whatever was made of them
   */
  answered(key: ServiceKey, hosts: readonly unknown[]): boolean {
    const consumed = parseConsumersName(key.name);
    if (consumed) {
      const service = formatServiceKey({ ...key, name: formatDubboName(consumed) });
      this.#options.consumers.set(service, 'registered', consumersOf(hosts, this.#options.reading.pool));
      return true;
    }
    const provided = parseDubboName(key.name);
    if (provided) {
      this.#directory(key).setProviders(provided, key.name, hosts);
      return true;
    }
    const known = this.#namespaces.get(key.namespace)?.directories.get(key.group)?.isApplication(key.name);
    if (this.#options.applications && (known || isApplication(hosts))) {
      this.#directory(key).setApplication(key.name, hosts);
    }
    return false;
  }

  /** The registry has no such service any more. @returns whether it was Dubbo's alone */
  removed(key: ServiceKey): boolean {
    const consumed = parseConsumersName(key.name);
    if (consumed) {
      this.#options.consumers.set(formatServiceKey({ ...key, name: formatDubboName(consumed) }), 'registered', []);
      return true;
    }
    const provided = parseDubboName(key.name);
    if (provided) {
      this.#directory(key).removeProviders(provided, key.name);
      return true;
    }
    this.#namespaces.get(key.namespace)?.directories.get(key.group)?.removeApplication(key.name);
    return false;
  }

  /** The namespace is not read any more. */
  forget(namespace: string): void {
    for (const directory of this.#namespaces.get(namespace)?.directories.values() ?? []) directory.close();
    if (!this.#namespaces.delete(namespace)) return;
    for (const notice of [rulesNotice, manyRulesNotice]) this.#options.out.notice(notice(namespace), undefined);
  }

  /** Whether a service that is published is registered nowhere under its name, but made of applications. */
  isDerived({ namespace, group, name }: ServiceKey): boolean {
    if (!parseDubboName(name)) return false;
    return this.#namespaces.get(namespace)?.directories.get(group)?.isDerived(name) === true;
  }

  /** Follows the rules of a namespace over a connection; rejects when that is lost. */
  connected(namespace: string, connection: NacosConnection): Promise<unknown> {
    if (!this.#options.rules) return Promise.resolve();
    return this.#namespace(namespace).rules.run(connection);
  }

  pushed(namespace: string, message: Message): void {
    this.#rulesOf(namespace)?.pushed(message);
  }

  /**
   * Resolves when what is known of the namespace is as whole as it gets: the metadata of all applications and the rules
   * have been read, or a time is over.
   */
  async settled(namespace: string, signal: AbortSignal): Promise<void> {
    const found = this.#namespaces.get(namespace);
    if (!found) return;
    const directories = [...found.directories.values()];
    const wait = async (within: AbortSignal) => {
      await Promise.all(directories.map((directory) => directory.settled(within)));
      await this.#nothingLacks(namespace, within);
      // Last, for metadata tell of more that there may be rules for; they are read meanwhile.
      if (this.#options.rules) await found.rules.settled;
    };
    await this.#atMost(maxWaitMs, wait, signal);
  }

  /** Resolves when no metadata lack, or after `maxMs`. Rejects when `signal` aborts. */
  whole(namespace: string, maxMs: number, signal: AbortSignal): Promise<void> {
    return this.#atMost(maxMs, (within) => this.#nothingLacks(namespace, within), signal);
  }

  async #nothingLacks(namespace: string, signal: AbortSignal): Promise<void> {
    while (this.isLacking(namespace)) await this.#options.clock.sleep(pollMs, signal);
  }

  async #atMost(maxMs: number, wait: (within: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { controller, release } = linkSignal(signal);
    const within = controller.signal;
    try {
      const whole = wait(within);
      // When the time is over first, it ends with the signal, and nobody waits for it any more.
      whole.catch(() => undefined);
      await Promise.race([whole, clock.sleep(maxMs, within)]);
    } finally {
      controller.abort(new Error('the wait is over'));
      release();
    }
  }

  /** A whole listing was published, which ended what was said of applications. */
  tellLacking(): void {
    // Also of namespaces that are not read any more.
    this.#earlier.clear();
    for (const { directories } of this.#namespaces.values()) {
      for (const directory of directories.values()) directory.tellLacking();
    }
  }

  #noteEarlier(service: Service): void {
    const key = parseServiceKey(service.name);
    const dubbo = key && parseDubboName(key.name);
    if (!key || !dubbo) return;
    const { interfaceName, version, group } = dubbo;
    const groups = this.#earlier.get(key.namespace) ?? new Map<string, EarlierService[]>();
    this.#earlier.set(key.namespace, groups);
    const services = groups.get(key.group) ?? [];
    groups.set(key.group, services);
    services.push({ interfaceName, id: { version, group }, service });
  }

  #rulesOf(namespace: string): DubboRules | undefined {
    return this.#options.rules ? this.#namespace(namespace).rules : undefined;
  }

  #namespace(namespace: string): Namespace {
    const known = this.#namespaces.get(namespace);
    if (known) return known;
    const book = new RuleBook();
    const directories = new Map<string, DubboDirectory>();
    const rules = new DubboRules({
      ...this.#options,
      namespace,
      rules: book,
      onChange: (target) => {
        for (const directory of directories.values()) directory.ruleChanged(target);
      },
      onFailure: (error) =>
        this.#options.out.notice(
          rulesNotice(namespace),
          error && `the rules of Dubbo in the namespace ${namespace} cannot be read: ${error.message}`,
        ),
      onFull: (isFull) =>
        this.#options.out.notice(
          manyRulesNotice(namespace),
          isFull
            ? `the namespace ${namespace} has more services and applications of Dubbo than rules can be watched for: ` +
                'the rules of those that came last are not applied'
            : undefined,
        ),
    });
    const made = { book, rules, ruleUsers: new RuleUsers(rules), directories };
    this.#namespaces.set(namespace, made);
    return made;
  }

  #directory({ namespace, group }: ServiceKey): DubboDirectory {
    const { book, ruleUsers, directories } = this.#namespace(namespace);
    const known = directories.get(group);
    if (known) return known;
    const { readConfig, out, reading, clock, signal, published, publish, remove } = this.#options;
    const earlier = this.#earlier.get(namespace)?.get(group);
    const made = new DubboDirectory({
      namespace,
      group,
      earlier: earlier && new EarlierProviders(earlier),
      rules: book,
      reading,
      clock,
      signal,
      published,
      publish,
      onKnown: (service, applications) => {
        if (this.#options.rules) ruleUsers.known(group, service, applications);
      },
      onGone: (service) => ruleUsers.gone(group, service),
      remove,
      readReport: (application, revision) => readConfig(namespace, application, revision),
      lacking: (application, error) => {
        const scope = `application ${formatServiceKey({ namespace, group, name: application })}`;
        if (error) out.degraded(error, scope);
        else out.recovered(scope);
      },
    });
    directories.set(group, made);
    return made;
  }
}

function rulesNotice(namespace: string): string {
  return `dubbo-rules ${namespace}`;
}

function manyRulesNotice(namespace: string): string {
  return `dubbo-many-rules ${namespace}`;
}
