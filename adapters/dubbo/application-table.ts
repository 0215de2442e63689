import type { Rejection } from '../../core/plugin/index.js';
import { type ApplicationChange, ApplicationDirectory } from './application-directory.js';
import type { ApplicationInstance } from './application-instance.js';
import type { EarlierProviders } from './earlier-providers.js';
import type { MetadataInfo } from './metadata-info.js';
import type { Provider, ProviderReader, ServiceId } from './provider.js';
import type { ServiceRecords } from './service.js';

const unnamed: ServiceId = { version: '', group: '' };

/** All applications of a registry, turned round: what each interface's providers are. Pure, and without I/O. */
export class ApplicationTable {
  readonly #reader: ProviderReader;
  /** What an earlier process published, for as long as not everything was read; undefined: it does not count any more. */
  earlier: EarlierProviders | undefined;
  readonly #applications = new Map<string, ApplicationDirectory>();
  readonly #byInterface = new Map<string, Set<string>>();
  readonly #lacking = new Map<string, ReadonlySet<string>>();

  /** @param reader may be shared with whoever reads the records by interface */
  constructor(reader: ProviderReader) {
    this.#reader = reader;
  }

  /** Applications that some metadata are lacking of, with the revisions. What is known of them is published as it is. */
  get lacking(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#lacking;
  }

  get applications(): Iterable<string> {
    return this.#applications.keys();
  }

  /** Interfaces that an application provides. */
  get interfaces(): Iterable<string> {
    return this.#byInterface.keys();
  }

  /** See {@link ApplicationDirectory.update}. Call it again when metadata have come. */
  update(
    application: string,
    instances: readonly ApplicationInstance[],
    metadata: (revision: string) => MetadataInfo | undefined,
  ): ApplicationChange {
    let directory = this.#applications.get(application);
    if (directory === undefined) {
      directory = new ApplicationDirectory(application, this.#reader);
      this.#applications.set(application, directory);
    }
    const change = directory.update(instances, metadata, this.earlier);
    if (change.lacking.size === 0) this.#lacking.delete(application);
    else this.#lacking.set(application, change.lacking);
    for (const name of change.touched) this.#link(name, application, directory.provides(name));
    return change;
  }

  /** The registry has no such application any more. */
  remove(application: string): ApplicationChange {
    const change = this.update(application, [], () => undefined);
    this.#applications.delete(application);
    return change;
  }

  /** One interface's services as the applications provide them. */
  recordsOf(interfaceName: string): ServiceRecords[] {
    const byId = new Map<string, { id: ServiceId; providers: Provider[]; rejected: Rejection[] }>();
    for (const application of this.#byInterface.get(interfaceName) ?? []) {
      for (const one of this.#applications.get(application)?.providedOf(interfaceName) ?? []) {
        const id = one.id ?? unnamed;
        const key = `${id.version}\n${id.group}`;
        let records = byId.get(key);
        if (records === undefined) {
          records = { id, providers: [], rejected: [] };
          byId.set(key, records);
        }
        if (one.kind === 'provider') records.providers.push(one);
        else records.rejected.push(one.rejection);
      }
    }
    return [...byId.values()].map((records) => ({ interfaceName, ...records }));
  }

  #link(interfaceName: string, application: string, provides: boolean): void {
    const applications = this.#byInterface.get(interfaceName);
    if (provides) {
      if (applications) applications.add(application);
      else this.#byInterface.set(interfaceName, new Set([application]));
    } else if (applications?.delete(application) && applications.size === 0) {
      this.#byInterface.delete(interfaceName);
    }
  }
}
