import type { Instance, Service } from '../../core/plugin/index.js';
import type { ApplicationInstance } from './application-instance.js';
import { providerProtocol } from './protocols.js';
import type { Provider, ServiceId } from './provider.js';

/** Which of Dubbo's services a published one is. */
export interface EarlierService {
  readonly interfaceName: string;
  readonly id: ServiceId;
  readonly service: Service;
}

/** What an instance provides, by interface. */
export type ProvidedByInterface = ReadonlyMap<string, readonly Provider[]>;

const nothing: ProvidedByInterface = new Map();

/**
 * What applications provided when it was published last, by an earlier process. An instance whose metadata cannot be had
 * yet provides that still: it is registered, and a reading that fails takes nothing away.
 */
export class EarlierProviders {
  readonly #services: readonly EarlierService[];
  readonly #byAddress = new Map<string, { readonly of: EarlierService; readonly instance: Instance }[]>();
  readonly #byApplication = new Map<string, Set<EarlierService>>();
  #isIndexed = false;

  constructor(services: readonly EarlierService[]) {
    this.#services = services;
  }

  /** Services that one of the applications had a part in. */
  servicesOf(...applications: readonly string[]): ReadonlySet<EarlierService> {
    this.#index();
    return new Set(applications.flatMap((application) => [...(this.#byApplication.get(application) ?? [])]));
  }

  /** What was published of the instance's address as its application's; where that is not said, at a port of its own. */
  providedBy(registered: ApplicationInstance): ProvidedByInterface {
    this.#index();
    const there = this.#byAddress.get(registered.address);
    if (!there) return nothing;
    const ports = new Set([registered.port, ...Object.values(registered.endpoints)]);
    const provided = new Map<string, Provider[]>();
    for (const { of, instance } of there) {
      const provider = providerOf(of, instance, registered.application);
      if (!provider) continue;
      const said = instance.metadata['application'];
      const isIts =
        said === undefined ? ports.has(instance.ports[provider.protocol] ?? 0) : said === registered.application;
      if (!isIts) continue;
      const list = provided.get(of.interfaceName);
      if (list) list.push(provider);
      else provided.set(of.interfaceName, [provider]);
    }
    return provided;
  }

  #index(): void {
    if (this.#isIndexed) return;
    this.#isIndexed = true;
    for (const of of this.#services) {
      const { attributes, instances } = of.service;
      this.#note(attributes['application'], of);
      for (const instance of instances) {
        this.#note(instance.metadata['application'], of);
        const there = this.#byAddress.get(instance.address);
        if (there) there.push({ of, instance });
        else this.#byAddress.set(instance.address, [{ of, instance }]);
      }
    }
  }

  #note(application: string | undefined, service: EarlierService): void {
    if (!application) return;
    const known = this.#byApplication.get(application);
    if (known) known.add(service);
    else this.#byApplication.set(application, new Set([service]));
  }
}

/** What was switched or overridden stands in the instance as it was published. */
const noSwitches = { disabled: undefined, enabled: undefined, dynamic: undefined };

function providerOf(
  { interfaceName, id }: EarlierService,
  instance: Instance,
  application: string,
): Provider | undefined {
  const [name] = Object.keys(instance.ports);
  const protocol = name === undefined ? undefined : providerProtocol(name);
  if (protocol === undefined) return undefined;
  return {
    ...{ kind: 'provider', mode: 'application', interfaceName, id, protocol, application, instance },
    switches: noSwitches,
    timestampMs: Number(instance.metadata['timestamp'] ?? 0) || 0,
  };
}
