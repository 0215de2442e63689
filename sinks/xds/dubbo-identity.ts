import type { CatalogService } from '../../core/catalog/catalog.js';

/** What a Dubbo call names a service by. */
export interface DubboIdentity {
  readonly interfaceName: string;
  /** Empty when it has none. */
  readonly group: string;
  readonly version: string;
}

/**
 * The identities of a service, of each of its origins, in their order; none when no registry has told an interface. Nacos
 * has groups of its own, so that Dubbo's stands under another name there.
 */
export function dubboIdentities({ origins, metadata }: CatalogService): readonly DubboIdentity[] {
  const found = new Map<string, DubboIdentity>();
  for (const attributes of [...origins.map((origin) => origin.attributes ?? {}), metadata]) {
    const { interface: interfaceName = '', version = '' } = attributes;
    if (interfaceName === '') continue;
    const group = attributes['dubboGroup'] ?? attributes['group'] ?? '';
    found.set(`${interfaceName}\n${group}\n${version}`, { interfaceName, group, version });
  }
  return [...found.values()];
}
