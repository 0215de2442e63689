import { type Metadata, metadataFrom } from '../../core/plugin/index.js';
import type { DubboName } from './dubbo.js';
import { defaultGroup, publicNamespace, type ServiceKey } from './service-key.js';

/** `name`, `group` and `namespace` for naming, the latter two empty for Nacos's defaults. */
export function serviceAttributes({ namespace, group, name }: ServiceKey): Metadata {
  return metadataFrom(common(namespace, group, name));
}

/**
 * Those of a Dubbo service: a `name` that has interface, version and group, for they make different services, and each of
 * them by itself, as `interface`, `version` and `dubboGroup`; and `application` where all providers are of one.
 */
export function dubboAttributes({ namespace, group }: ServiceKey, dubbo: DubboName, application: string): Metadata {
  return metadataFrom([
    ...common(namespace, group, dubboHost(dubbo)),
    ['interface', dubbo.interfaceName],
    ['version', dubbo.version],
    ['dubboGroup', dubbo.group],
    ['application', application],
  ]);
}

function common(namespace: string, group: string, name: string): [string, string][] {
  return [
    ['name', name],
    ['group', group === defaultGroup ? '' : group],
    ['namespace', namespace === publicNamespace ? '' : namespace],
  ];
}

function dubboHost({ interfaceName, version, group }: DubboName): string {
  const label = (text: string) => text.replaceAll('.', '-');
  return [label(group), label(version), interfaceName].filter((part) => part !== '').join('.');
}
