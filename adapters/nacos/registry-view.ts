import type { AuditDifference, Service } from '../../core/plugin/index.js';
import { type ConvertOptions, toService } from './convert.js';
import { formatDubboName, parseDubboName } from './dubbo.js';
import type { DubboRegistry } from './dubbo-registry.js';
import type { StringPool } from './metadata.js';
import type { Protection } from './protection.js';
import type { Publication } from './publication.js';
import { serviceDifferences } from './service-differences.js';
import { formatServiceKey, type ServiceKey } from './service-key.js';
import type { ServiceAnswer } from './subscriptions.js';

export interface RegistryViewOptions {
  readonly publication: Publication;
  readonly protection: Protection;
  readonly dubbo: DubboRegistry;
  readonly convert: ConvertOptions;
  readonly pool: StringPool;
}

/** Makes services of what servers say of their instances, and publishes them. */
export class RegistryView {
  readonly #options: RegistryViewOptions;

  constructor(options: RegistryViewOptions) {
    this.#options = options;
  }

  /** What a server says of a service. */
  answered(key: ServiceKey, { hosts, isProtected }: ServiceAnswer): void {
    const before = () => new Map(this.published(key)?.instances.map(({ id, health }) => [id, health !== 'unhealthy']));
    this.put(key, this.#options.protection.answered(key, hosts, isProtected, before));
  }

  /** The same, of what was read to be sure. @returns how it differs from what was known */
  audited(key: ServiceKey, answer: ServiceAnswer): readonly AuditDifference[] {
    const before = this.published(key);
    this.answered(key, answer);
    const after = this.published(key);
    return after ? serviceDifferences(before, after) : [];
  }

  /** Instances with the health that is true of them. */
  put(key: ServiceKey, hosts: readonly unknown[]): void {
    const { publication, dubbo, convert, pool } = this.#options;
    if (dubbo.answered(key, hosts)) return;
    publication.put(key.namespace, toService(key, hosts, convert, pool, this.published(key)));
  }

  removed(key: ServiceKey): void {
    const { publication, protection, dubbo } = this.#options;
    protection.forget(key);
    if (!dubbo.removed(key)) publication.remove(key.namespace, formatServiceKey(key));
  }

  /** The namespace is not read any more. */
  forget(namespace: string): void {
    const { protection, dubbo } = this.#options;
    protection.forgetNamespace(namespace);
    dubbo.forget(namespace);
  }

  /** What was published last of what is registered under a key. */
  published(key: ServiceKey): Service | undefined {
    const dubbo = parseDubboName(key.name);
    const name = formatServiceKey(dubbo ? { ...key, name: formatDubboName(dubbo) } : key);
    return this.#options.publication.service(key.namespace, name);
  }
}
