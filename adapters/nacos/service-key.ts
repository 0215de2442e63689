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

/**
 * The name without its group, which some answers put before it, as in `DEFAULT_GROUP@@orders`; undefined for what is no
 * name that a service can have.
 */
export function bareName(group: string, name: string): string | undefined {
  const bare = name.startsWith(group + separator) ? name.slice(group.length + separator.length) : name;
  return bare === '' || bare.includes(separator) ? undefined : bare;
}

/** Nacos 1.x and 2.x write the public namespace as empty where 3.x writes `public`. */
export function namespaceId(id: string): string {
  return id === '' ? publicNamespace : id;
}

export const publicNamespace = 'public';
export const defaultGroup = 'DEFAULT_GROUP';
export const defaultCluster = 'DEFAULT';
