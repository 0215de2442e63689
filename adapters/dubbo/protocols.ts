/** Protocols of Dubbo providers that the catalog takes; the name of the port is the same. */
export const providerProtocols = ['dubbo', 'tri', 'rest'] as const;
export type ProviderProtocol = (typeof providerProtocols)[number];

export const unknownProtocol = 'its protocol is none of dubbo, tri, rest';

/** The protocol that a registry names, in any case; `triple` is `tri`. undefined for those that are not taken. */
export function providerProtocol(name: string): ProviderProtocol | undefined {
  const lower = name.toLowerCase();
  return lower === 'triple' ? 'tri' : providerProtocols.find((protocol) => protocol === lower);
}
