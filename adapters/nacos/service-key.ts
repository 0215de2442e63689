/** What names a service in Nacos. */
export interface ServiceKey {
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
}

const separator = '@@';

/** Nacos's own service key, `namespace@@group@@name`; unique in the registry, it is the name of the catalog's service. */
export function formatServiceKey({ namespace, group, name }: ServiceKey): string {
  return namespace + separator + group + separator + name;
}

/** Nacos's grouped name, `group@@name`; a name that has its group already stays as it is. */
export function formatGroupedName(group: string | undefined, name: string): string {
  return group && !name.includes(separator) ? group + separator + name : name;
}

/** The key that a fuzzy watch sends, or undefined when it is none. */
export function parseServiceKey(text: string): ServiceKey | undefined {
  const [namespace, group, name, ...rest] = text.split(separator);
  if (namespace === undefined || !group || !name || rest.length > 0) return undefined;
  return { namespace: namespaceId(namespace), group, name };
}

/** The name without the group that some answers put before it, as in `DEFAULT_GROUP@@orders`. */
export function bareName(name: string): string {
  const at = name.indexOf(separator);
  return at > 0 ? name.slice(at + separator.length) : name;
}

/** Nacos 1.x and 2.x write the public namespace as empty where 3.x writes `public`. */
export function namespaceId(id: string): string {
  return id === '' ? publicNamespace : id;
}

export const publicNamespace = 'public';
export const defaultGroup = 'DEFAULT_GROUP';
export const defaultCluster = 'DEFAULT';
