import { type Clock, type LinkedSignal, linkSignal, type Service } from '../../core/plugin/index.js';
import type { ApplicationInstance } from '../dubbo/application-instance.js';
import { ApplicationTable } from '../dubbo/application-table.js';
import type { EarlierProviders } from '../dubbo/earlier-providers.js';
import { mergeModes } from '../dubbo/merge-modes.js';
import { MetadataKeeper } from '../dubbo/metadata-service/metadata-keeper.js';
import type { RuleBook, RuleTarget } from '../dubbo/rules/rule-book.js';
import { defaultServicePorts, emptied, type ServiceRecords, serviceFrom } from '../dubbo/service.js';
import { type DubboName, formatDubboName } from './dubbo.js';
import { applicationInstances, type DubboReading, providersOf } from './dubbo-records.js';
import { dubboAttributes } from './service-attributes.js';
import { formatServiceKey, type ServiceKey } from './service-key.js';

/**
 * Services of one interface that nothing provides and that are remembered. An application that is never without an instance
 * and has a version of its own for each release makes many.
 */
const maxEmptyServices = 64;

export interface DubboDirectoryOptions {
  readonly namespace: string;
  /** Nacos group that the applications and the providers register in. */
  readonly group: string;
  readonly reading: DubboReading;
  /** Of the whole namespace. */
  readonly rules: RuleBook;
  /** What an earlier process published; it counts until {@link DubboDirectory.forgetEarlier}. */
  readonly earlier?: EarlierProviders | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The metadata report of an application's revision; undefined when there is none. */
  readonly readReport: (application: string, revision: string, signal: AbortSignal) => Promise<string | undefined>;
  /** What was published last under a key. */
  readonly published: (key: ServiceKey) => Service | undefined;
  readonly publish: (key: ServiceKey, service: Service) => void;
  readonly remove: (key: ServiceKey) => void;
  /** A service is known, and applications that provide it: there may be rules about them. */
  readonly onKnown: (service: DubboName, applications: ReadonlySet<string>) => void;
  /** A service that was known is not there any more. */
  readonly onGone: (service: DubboName) => void;
  /** Some instances of an application announce metadata that cannot be had; undefined: no longer. */
  readonly lacking: (application: string, error: Error | undefined) => void;
}

/**
 * The Dubbo services of one namespace and group: those that are registered by interface, those that applications are
 * registered for, and those that are in both ways at once, which are one service. A service that is known through an
 * application alone goes by the name that it would have by interface.
 */
export class DubboDirectory {
  readonly #options: DubboDirectoryOptions;
  readonly #table: ApplicationTable;
  readonly #keeper: MetadataKeeper;
  readonly #end: LinkedSignal;
  /**
   * What is registered by interface, by {@link formatDubboName}, and then by the name in Nacos: before 2.7.4 Dubbo left
   * out the colons of parts that are empty.
   */
  readonly #byInterface = new Map<string, ReadonlyMap<string, ServiceRecords>>();
  /** Names of the services of an interface that are published or registered; the ones emptied longest ago first. */
  readonly #names = new Map<string, Map<string, DubboName>>();
  readonly #instances = new Map<string, readonly ApplicationInstance[]>();
  readonly #failures = new Map<string, Error>();
  /** Services that applications had a part in whose metadata cannot be had yet, as an earlier process published them. */
  readonly #earlier = new Map<string, Service>();

  constructor(options: DubboDirectoryOptions) {
    const { reading, clock, signal, readReport } = options;
    this.#options = options;
    this.#end = linkSignal(signal);
    this.#table = new ApplicationTable(reading.reader);
    this.#table.earlier = options.earlier;
    this.#keeper = new MetadataKeeper({
      readReport,
      clock,
      signal: this.#end.controller.signal,
      onArrival: (application) => this.#update(application),
      onFailure: (application, _, error) => this.#lacking(application, error),
    });
  }

  /** Whether a service is published of this name that nothing is registered under. */
  isDerived(name: string): boolean {
    return !this.#byInterface.has(name);
  }

  isApplication(name: string): boolean {
    return this.#instances.has(name);
  }

  /**
   * The providers of a service that are registered by interface, whole.
   * @param registered its name in Nacos
   */
  setProviders(name: DubboName, registered: string, hosts: readonly unknown[]): void {
    const key = formatDubboName(name);
    const records = providersOf(name, hosts, this.#options.reading);
    this.#byInterface.set(key, new Map(this.#byInterface.get(key)).set(registered, records));
    this.#remember(name);
    this.#publish(name.interfaceName, [key]);
  }

  /** Nothing is registered under the name any more. */
  removeProviders(name: DubboName, registered: string): void {
    const key = formatDubboName(name);
    const left = new Map(this.#byInterface.get(key));
    left.delete(registered);
    if (left.size === 0) this.#byInterface.delete(key);
    else this.#byInterface.set(key, left);
    this.#publish(name.interfaceName, [key], 'gone');
  }

  /** The instances of an application, whole. */
  setApplication(application: string, hosts: readonly unknown[]): void {
    const instances = applicationInstances(application, hosts, this.#options.reading);
    this.#instances.set(application, instances);
    this.#keeper.follow(application, instances);
    this.#update(application);
  }

  removeApplication(application: string): void {
    if (!this.#instances.delete(application)) return;
    this.#keeper.follow(application, []);
    const { touched } = this.#table.remove(application);
    this.#lacking(application, undefined);
    // Also what it provided before it had no instance left.
    for (const [interfaceName, names] of this.#names) {
      const left = [...names].filter(([name, id]) => this.#isLeftOf(application, name, id)).map(([name]) => name);
      if (left.length > 0) this.#publish(interfaceName, left, 'gone');
    }
    // What others provide as well stays, without this one's instances.
    for (const interfaceName of touched) this.#publish(interfaceName);
  }

  /** Nothing of it is read any more: nobody is asked for metadata from now on. What was published is not touched. */
  close(): void {
    this.#end.controller.abort(new Error('nothing of it is read any more'));
    this.#end.release();
    this.#instances.clear();
    for (const application of [...this.#failures.keys()]) this.#lacking(application, undefined);
  }

  /** A rule has changed: whom it is about is published again. */
  ruleChanged(target: RuleTarget): void {
    if (target.kind === 'interface') {
      this.#publish(target.interfaceName);
      return;
    }
    for (const [interfaceName, names] of this.#names) {
      const isOfApplication = (name: string) => {
        const { providers = [] } = this.#registered(name) ?? {};
        return providers.some(({ application }) => application === target.application);
      };
      const isProvided = this.#table
        .recordsOf(interfaceName)
        .some(({ providers }) => providers.some(({ application }) => application === target.application));
      if (isProvided || [...names.keys()].some(isOfApplication)) this.#publish(interfaceName);
    }
  }

  /**
   * All that there is was read, or was tried for long enough: nobody comes any more who was there before. What nobody
   * provides goes, but for what an application may provide whose metadata lack.
   */
  forgetEarlier(): void {
    const held = this.#table.earlier?.servicesOf(...this.#table.lacking.keys()) ?? new Set();
    const heldNames = new Set([...held].map(({ interfaceName, id }) => formatDubboName({ interfaceName, ...id })));
    const kept = [...this.#earlier.keys()];
    this.#table.earlier = undefined;
    this.#earlier.clear();
    for (const [interfaceName, names] of [...this.#names]) {
      const left = kept.filter((name) => names.has(name) && !heldNames.has(name));
      if (left.length > 0) this.#publish(interfaceName, left, 'gone');
    }
  }

  /** Resolves when each revision that is announced by now was read, or has failed once. */
  settled(signal: AbortSignal): Promise<void> {
    return this.#keeper.settled(signal);
  }

  get isLacking(): boolean {
    return this.#table.lacking.size > 0;
  }

  /** Tells again what is lacking: a whole listing was published, which ends what was told before. */
  tellLacking(): void {
    for (const application of this.#table.lacking.keys()) {
      if (this.#failures.has(application)) continue;
      this.#failures.set(application, new Error(`the metadata of the application ${application} have not come yet`));
    }
    for (const [application, error] of this.#failures) this.#options.lacking(application, error);
  }

  #update(application: string): void {
    const instances = this.#instances.get(application) ?? [];
    const change = this.#table.update(application, instances, (revision) => this.#keeper.get(application, revision));
    if (change.lacking.size === 0) this.#lacking(application, undefined);
    for (const interfaceName of change.touched) this.#publish(interfaceName);
    if (change.lacking.size > 0) this.#keepEarlier(application);
  }

  /** Nobody can tell whether the application provides them still, with other instances maybe: they do not go. */
  #keepEarlier(application: string): void {
    for (const { interfaceName, id, service } of this.#table.earlier?.servicesOf(application) ?? []) {
      const name = formatDubboName({ interfaceName, ...id });
      if (this.#earlier.has(name)) continue;
      this.#earlier.set(name, service);
      this.#remember({ interfaceName, ...id });
      this.#publish(interfaceName, [name]);
    }
  }

  #lacking(application: string, error: Error | undefined): void {
    if (error) this.#failures.set(application, error);
    else if (!this.#failures.delete(application)) return;
    this.#options.lacking(application, error);
  }

  #remember(name: DubboName): void {
    let names = this.#names.get(name.interfaceName);
    if (!names) {
      names = new Map();
      this.#names.set(name.interfaceName, names);
    }
    names.set(formatDubboName(name), name);
  }

  #isLeftOf(application: string, name: string, id: DubboName): boolean {
    if (this.#byInterface.has(name)) return false;
    const service = this.#options.published(this.#keyOf(id));
    return service?.attributes['application'] === application;
  }

  /**
   * @param only names of services; all of the interface when absent
   * @param mode `gone`: what nobody provides any more is removed; else it stays, with nobody to serve it
   */
  #publish(interfaceName: string, only?: readonly string[], mode: 'changed' | 'gone' = 'changed'): void {
    const byApplication = new Map<string, ServiceRecords>();
    for (const records of this.#table.recordsOf(interfaceName)) {
      const name = { interfaceName, ...records.id };
      byApplication.set(formatDubboName(name), records);
      this.#remember(name);
    }
    const names = this.#names.get(interfaceName) ?? new Map<string, DubboName>();
    for (const [name, id] of [...names]) {
      if (only && !only.includes(name)) continue;
      const records = mergeModes(this.#registered(name), byApplication.get(name));
      const key = this.#keyOf(id);
      const before = this.#options.published(key) ?? this.#earlier.get(name);
      if (records && (before || this.#byInterface.has(name) || records.providers.length > 0)) {
        const naming = {
          name: () => formatServiceKey(key),
          attributes: (_: string, __: unknown, application: string) => dubboAttributes(key, id, application),
        };
        this.#options.onKnown(id, new Set(records.providers.map(({ application }) => application)));
        const ruled = this.#options.rules.apply(records);
        this.#options.publish(key, serviceFrom(ruled, defaultServicePorts, before, naming));
      } else if (mode === 'changed' && before) {
        const empty = emptied(before);
        if (empty !== before) {
          names.delete(name);
          names.set(name, id);
        }
        this.#options.publish(key, empty);
      } else this.#drop(names, name, id);
    }
    if (names.size > maxEmptyServices) this.#dropOldest(names, byApplication);
    if (names.size === 0) this.#names.delete(interfaceName);
  }

  #drop(names: Map<string, DubboName>, name: string, id: DubboName): void {
    names.delete(name);
    this.#options.remove(this.#keyOf(id));
    this.#options.onGone(id);
  }

  #dropOldest(names: Map<string, DubboName>, byApplication: ReadonlyMap<string, ServiceRecords>): void {
    const unprovided = [...names].filter(([name]) => !this.#byInterface.has(name) && !byApplication.has(name));
    for (const [name, id] of unprovided.slice(0, -maxEmptyServices)) {
      if (!this.#isKept(name, id)) this.#drop(names, name, id);
    }
  }

  /** Whether an application has it still whose metadata lack, or that has no instance at the moment. */
  #isKept(name: string, id: DubboName): boolean {
    const application = this.#options.published(this.#keyOf(id))?.attributes['application'] ?? '';
    return this.#earlier.has(name) || this.#instances.get(application)?.length === 0;
  }

  /** What is registered by interface, under all names that it has. */
  #registered(name: string): ServiceRecords | undefined {
    const [first, ...others] = this.#byInterface.get(name)?.values() ?? [];
    if (!first || others.length === 0) return first;
    const all = [first, ...others];
    const [providers, rejected] = [all.flatMap((one) => one.providers), all.flatMap((one) => one.rejected)];
    return { ...first, providers, rejected };
  }

  #keyOf(id: DubboName): ServiceKey {
    const { namespace, group } = this.#options;
    return { namespace, group, name: formatDubboName(id) };
  }
}
