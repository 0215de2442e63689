/** What Dubbo's `NacosRegistry` writes into a service name: `providers:interface:version:group`. */
export interface DubboName {
  readonly interfaceName: string;
  /** Empty when there is none. */
  readonly version: string;
  readonly group: string;
}

/** The parts of an interface-level Dubbo service's name, or undefined for any other service. */
export function parseDubboName(name: string): DubboName | undefined {
  return parseCategory('providers', name);
}

/** The parts of the name under which the consumers of a Dubbo service register themselves. */
export function parseConsumersName(name: string): DubboName | undefined {
  return parseCategory('consumers', name);
}

/** The name of the Nacos service that the providers of a Dubbo service register in. */
export function formatDubboName({ interfaceName, version, group }: DubboName): string {
  return `providers:${interfaceName}:${version}:${group}`;
}

/** What Dubbo writes beside its providers: consumers and rules, nothing that serves. */
export function isDubboBookkeeping(name: string): boolean {
  return /^(?:consumers|configurators|routers):/.test(name);
}

function parseCategory(wanted: string, name: string): DubboName | undefined {
  const [category, interfaceName, version = '', group = '', ...rest] = name.split(':');
  if (category !== wanted || !interfaceName || rest.length > 0) return undefined;
  return { interfaceName, version, group };
}
