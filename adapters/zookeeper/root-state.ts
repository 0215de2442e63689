import type { Service } from '../../core/plugin/index.js';
import type { ApplicationTable } from '../dubbo/application-table.js';
import { decodeText } from '../dubbo/dubbo-url.js';
import type { EarlierService } from '../dubbo/earlier-providers.js';
import type { ServiceId } from '../dubbo/provider.js';
import { allChanges, type Changes, noChanges } from './changes.js';
import { type DirectoryTools, InterfaceDirectory } from './interface-directory.js';

// Nor marks that hide text or turn its direction.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const interfacePattern = /^[^\u0000-\u0020\u007f-\u009f\ufffd/\p{Cf}\p{Zl}\p{Zp}]{1,255}$/u;

/** The interface whose znode has this name; undefined for what names none. */
export function interfaceNameOf(node: string): string | undefined {
  const name = decodeText(node);
  return name !== undefined && interfacePattern.test(name) ? name : undefined;
}

export interface RootOptions extends DirectoryTools {
  /** Applications, in the one root that they are taken to belong to. */
  readonly table: ApplicationTable | undefined;
  /** Whether an interface is to be read, by its name. */
  readonly isWanted: (interfaceName: string) => boolean;
}

/** Where a service comes from. */
export interface ServiceOrigin {
  readonly interfaceName: string;
  readonly id: ServiceId;
  /** Name of the interface's znode, if there is one. */
  readonly node: string | undefined;
  readonly applications: readonly string[];
  /** As it is published. */
  readonly service: Service;
}

/** All interfaces below one root, as they were read last. Outlives connections. */
export class RootState {
  readonly #options: RootOptions;
  readonly #byInterface = new Map<string, InterfaceDirectory>();
  readonly #byNode = new Map<string, InterfaceDirectory>();
  /** Interfaces of services that are known of an earlier process, by their names. */
  readonly #earlier = new Map<string, string>();
  /** Services that were said to have consumers, by interface. */
  readonly consumed = new Map<string, readonly string[]>();

  constructor(options: RootOptions) {
    this.#options = options;
  }

  get rules(): DirectoryTools['rules'] {
    return this.#options.rules;
  }

  /** Names of the znodes of interfaces. */
  get nodes(): Iterable<string> {
    return this.#byNode.keys();
  }

  /** Whether the znode was read as an interface's. */
  has(node: string): boolean {
    return this.#byNode.has(node);
  }

  /** Whether there is a znode of the interface. */
  hasInterface(interfaceName: string): boolean {
    return this.#byInterface.get(interfaceName)?.node !== undefined;
  }

  directory(node: string): InterfaceDirectory | undefined {
    return this.#byNode.get(node);
  }

  /** Whether the znode names an interface that is to be read. */
  isWanted(node: string): boolean {
    const name = interfaceNameOf(node);
    return name !== undefined && this.#options.isWanted(name);
  }

  *services(): Generator<Service> {
    for (const { services } of this.#byInterface.values()) yield* services;
  }

  get serviceCount(): number {
    let count = 0;
    for (const { serviceNames } of this.#byInterface.values()) count += serviceNames.length;
    return count;
  }

  /**
   * Takes a complete reading of one `providers` node.
   * @returns whether the services have to be computed anew
   */
  async take(node: string, childNames: readonly string[], signal: AbortSignal): Promise<boolean> {
    let directory = this.#byNode.get(node);
    if (directory === undefined) {
      const name = interfaceNameOf(node);
      if (name === undefined || !this.#options.isWanted(name)) return false;
      directory = this.#directory(name);
      // Another znode decodes to the same name: Dubbo writes only one of them.
      if (directory.node !== undefined) return false;
      directory.node = node;
      this.#byNode.set(node, directory);
    }
    return directory.take(childNames, signal);
  }

  nameOf(interfaceName: string, id: ServiceId): string {
    return this.#options.naming.name(interfaceName, id);
  }

  /** Versions and groups of the interface's services. */
  ids(interfaceName: string): ServiceId[] {
    const services = this.#byInterface.get(interfaceName)?.services ?? [];
    return [...services].map(({ attributes }) => idOf(attributes));
  }

  compute(interfaceName: string): Changes {
    const directory = this.#byInterface.get(interfaceName);
    return directory ? directory.compute(this.#options.table?.recordsOf(interfaceName) ?? []) : noChanges;
  }

  /** An application has come to provide these interfaces, or to provide them otherwise. */
  touch(application: string, interfaceNames: Iterable<string>): Changes {
    const changes: Changes[] = [];
    for (const name of interfaceNames) {
      if (!this.#options.isWanted(name) || !interfacePattern.test(name)) continue;
      this.#directory(name).applications.add(application);
      changes.push(this.compute(name));
    }
    return allChanges(changes);
  }

  /** Services that an application had a part in when an earlier process published them. They are published when computed. */
  keepEarlier(application: string, services: Iterable<EarlierService>): void {
    for (const { interfaceName, service } of services) {
      if (!this.#options.isWanted(interfaceName) || !interfacePattern.test(interfaceName)) continue;
      const directory = this.#directory(interfaceName);
      directory.applications.add(application);
      if (!directory.keepEarlier(service)) continue;
      this.#earlier.set(service.name, interfaceName);
      this.compute(interfaceName);
    }
  }

  /** Lets go of those that nobody provides. @param held names of services that stay */
  forgetEarlier(held: ReadonlySet<string>): void {
    for (const [name, interfaceName] of this.#earlier) {
      if (held.has(name)) continue;
      this.#byInterface.get(interfaceName)?.forget(name, this.#options.table?.recordsOf(interfaceName) ?? []);
    }
    this.#earlier.clear();
  }

  /** The registry has no such application any more. */
  applicationGone(application: string): Changes {
    const changes: Changes[] = [];
    for (const directory of this.#byInterface.values()) {
      if (directory.applications.delete(application)) changes.push(this.#settle(directory));
    }
    return allChanges(changes);
  }

  /** Computes all that an application provides, as its rules have changed. */
  computeApplication(application: string): Changes {
    const changes: Changes[] = [];
    for (const directory of this.#byInterface.values()) {
      if (directory.isProvidedBy(application)) changes.push(this.compute(directory.interfaceName));
    }
    return allChanges(changes);
  }

  /** The interface's own znode is gone. */
  nodeGone(node: string): Changes {
    const directory = this.#byNode.get(node);
    if (directory === undefined) return noChanges;
    this.#byNode.delete(node);
    directory.clear();
    for (const category of ['configurators', 'routers'] as const) {
      this.#options.rules.setUrls(directory.interfaceName, category, []);
    }
    return this.#settle(directory);
  }

  origin(serviceName: string): ServiceOrigin | undefined {
    for (const directory of this.#byInterface.values()) {
      const { interfaceName, node, applications } = directory;
      for (const service of directory.services) {
        if (service.name !== serviceName) continue;
        return { interfaceName, id: idOf(service.attributes), node, applications: [...applications], service };
      }
    }
    return undefined;
  }

  #directory(interfaceName: string): InterfaceDirectory {
    let directory = this.#byInterface.get(interfaceName);
    if (directory === undefined) {
      directory = new InterfaceDirectory(interfaceName, this.#options);
      this.#byInterface.set(interfaceName, directory);
    }
    return directory;
  }

  /** Its services go when nothing in the registry stands for them any more. */
  #settle(directory: InterfaceDirectory): Changes {
    if (directory.node !== undefined || directory.applications.size > 0) return this.compute(directory.interfaceName);
    this.#byInterface.delete(directory.interfaceName);
    return { changed: [], removed: directory.serviceNames };
  }
}

function idOf(attributes: Service['attributes']): ServiceId {
  return { version: attributes['version'] ?? '', group: attributes['group'] ?? '' };
}
