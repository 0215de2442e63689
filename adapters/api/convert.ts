import { type Instance, metadataFrom, type Service } from '../../core/plugin/index.js';
import type { RegisteredInstance, RegisteredService } from './model.js';
import { publicMetadata } from './public-metadata.js';

/** Makes catalog services of registered ones; an instance that did not change is the same object each time. */
export class ServiceConverter {
  readonly #instances = new WeakMap<RegisteredInstance, Instance>();

  convert({ name, ports, metadata, instances }: RegisteredService): Service {
    const converted = [...instances.values()].map((instance) => this.#instance(instance));
    return {
      name,
      attributes: metadataFrom([['name', name]]),
      ports,
      instances: converted.sort((a, b) => (a.id < b.id ? -1 : 1)),
      metadata: metadataFrom(Object.entries(metadata)),
    };
  }

  #instance(registered: RegisteredInstance): Instance {
    const known = this.#instances.get(registered);
    if (known) return known;
    const { id, address, ports, weight, locality, network, metadata, expired } = registered;
    const instance: Instance = {
      ...{ id, address, ports, health: expired ? 'unhealthy' : registered.health, weight },
      ...(locality && { locality }),
      ...(network !== undefined && { network }),
      metadata: metadataFrom(Object.entries(registered.eureka ? publicMetadata(metadata) : metadata)),
    };
    this.#instances.set(registered, instance);
    return instance;
  }
}
