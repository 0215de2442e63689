import { setTimeout as delay } from 'node:timers/promises';
import type { Reference } from '../registries/reference-process.js';
import { interfaceName } from '../scale.js';
import type { ZookeeperWriter } from '../zookeeper-writer.js';
import type { DeltaReader } from './delta-reader.js';

export interface RegistryChangesOptions {
  readonly writer: ZookeeperWriter;
  readonly reader: DeltaReader;
  readonly reference: Reference;
  /** Those that change, in turn. */
  readonly services: readonly number[];
  /** Name of a service's endpoints. */
  readonly nameOf: (service: number) => string;
}

/** The node whose children are the providers of a service. */
export function providersPath(service: number): string {
  return `/dubbo/${interfaceName(service)}/providers`;
}

/** Providers that come and, when the client has been told, go again, so that services stay as large as they were. */
export class RegistryChanges {
  readonly #options: RegistryChangesOptions;
  #count = 0;

  constructor(options: RegistryChangesOptions) {
    this.#options = options;
  }

  /**
   * Two changes, with a pause after each.
   * @returns ms from ZooKeeper's notification that a provider has come to the response at the client
   */
  async comeAndGo(pauseMs: number): Promise<number> {
    const { writer, reader, reference, services, nameOf } = this.#options;
    const number = this.#count++;
    const service = services[number % services.length] ?? 0;
    const address = `10.254.${(number >> 8) & 255}.${number & 255}`;
    const notified = reference.next(providersPath(service), address);
    const told = reader.told(address);
    await writer.add(service, address);
    const overNotification = Number((await told) - (await notified)) / 1e6;
    if (pauseMs > 0) await delay(pauseMs);
    const gone = reader.toldWithout(nameOf(service), address);
    await writer.remove(service, address);
    await gone;
    if (pauseMs > 0) await delay(pauseMs);
    return overNotification;
  }
}
