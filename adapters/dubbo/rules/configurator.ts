import type { Provider } from '../provider.js';
import { addressPattern, splitPort } from './address-pattern.js';
import type { ConditionMatch } from './matchers.js';
import { parameterOf, portOf, serviceKeyOf } from './rule.js';

/** One `override://` or `absent://` URL, or what an item of a configurator document becomes for one address. */
export interface Configurator {
  /** `absent` sets only what the provider does not say. */
  readonly how: 'override' | 'absent';
  readonly enabled: boolean;
  /** Whose address it is depends on `side` and `port`; 0.0.0.0 for everybody's. */
  readonly host: string;
  /** '' for none. */
  readonly port: string;
  /** `configVersion`; '' for a rule of before 2.7. */
  readonly version: string;
  readonly side: string;
  /** '' or `*` for any. */
  readonly application: string;
  /** `group/interface:version`, or `*` for any. */
  readonly serviceKey: string;
  /** Empty for any. */
  readonly providerAddresses: readonly string[];
  readonly match: ConditionMatch | undefined;
  /** Parameters that the provider must have (`~key=value` of a rule before v3.0). */
  readonly conditions: readonly (readonly [string, string])[];
  readonly parameters: readonly (readonly [string, string])[];
  /** Of two for the same host, the higher counts. */
  readonly priority: number;
}

const anyHost = '0.0.0.0';

/**
 * Why a configurator changes nothing for the mesh; undefined when it can. A rule on the consumer's side counts when it
 * is for all consumers, for then it is for those in the mesh too; a rule for some consumers says nothing of them.
 */
export function withoutEffect(configurator: Configurator): string | undefined {
  const { enabled, side, version, host, port, application, match } = configurator;
  if (!enabled) return 'it is switched off';
  if (configurator.parameters.length === 0) return 'it sets nothing';
  if (version === '') return port === '' && host !== anyHost ? 'it is for one consumer' : undefined;
  if (side === 'provider') return undefined;
  if (side !== 'consumer') return 'it does not say whose side it is for, and Dubbo does not apply it';
  const namesCaller = host !== anyHost || (application !== '' && application !== '*') || match?.namesCaller === true;
  return namesCaller ? 'it is for some consumers only' : undefined;
}

/**
 * Whether it is about this provider, as a provider reads it and a consumer that no rule knows by name
 * (AbstractConfigurator.configure). Only for one that is not {@link withoutEffect}.
 */
export function concerns(configurator: Configurator, provider: Provider): boolean {
  const { version, side, host, port, application, match } = configurator;
  if (!matchesService(configurator, provider)) return false;
  if (application !== '' && application !== '*' && application !== provider.application) return false;
  // With a port it is a provider's address; in a rule of 2.7 and newer so it is on the provider's side.
  const isProvidersHost = version === '' ? port !== '' : side === 'provider';
  if (isProvidersHost && host !== anyHost && host !== provider.instance.address) return false;
  if (version === '' && port !== '' && Number(port) !== portOf(provider)) return false;
  if (!matchesAddress(configurator.providerAddresses, provider)) return false;
  if (version.startsWith('v3.0')) return match === undefined || match.matches(provider);
  return configurator.conditions.every(([key, value]) => value === '*' || parameterOf(provider, key) === value);
}

/** Whether the service is the one it is about, or it is about all. */
export function matchesService(
  { serviceKey }: Configurator,
  { interfaceName, id }: Pick<Provider, 'interfaceName' | 'id'>,
) {
  return serviceKey === '*' || serviceKey === serviceKeyOf(interfaceName, id.group, id.version);
}

function matchesAddress(addresses: readonly string[], provider: Provider): boolean {
  if (addresses.length === 0) return true;
  const { address } = provider.instance;
  const number = portOf(provider);
  return addresses.some((text) => {
    const { host, port } = splitPort(text);
    const isHost = host === anyHost || addressPattern(host)?.(address, number) === true;
    return isHost && (port === undefined || port === '*' || Number(port) === number);
  });
}

/**
 * In the order in which they are applied, later ones over earlier ones: by host, so that one for an address goes over one
 * for all, then by priority (Configurator.compareTo, which sorts hosts as text).
 */
export function inOrder(configurators: readonly Configurator[]): Configurator[] {
  return [...configurators].sort((a, b) => {
    if (a.host !== b.host) return a.host < b.host ? -1 : 1;
    return a.priority - b.priority;
  });
}
