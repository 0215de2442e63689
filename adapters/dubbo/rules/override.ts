import {
  defaultWeight,
  type Instance,
  type Metadata,
  metadataFrom,
  metadataLimits,
} from '../../../core/plugin/index.js';
import { isKept } from '../parameters.js';
import { healthFrom, type Provider, weightFrom } from '../provider.js';
import { hasCredentials, isSensitive } from '../secrets.js';
import { type Configurator, concerns } from './configurator.js';
import { parameterOf } from './rule.js';

/**
 * The provider with what the configurators say of it, in their order: `weight`, `disabled`, and all other parameters as
 * metadata. The provider itself when none concerns it.
 */
export function override(provider: Provider, configurators: readonly Configurator[]): Provider {
  let current = provider;
  for (const configurator of configurators) {
    if (concerns(configurator, current)) current = configured(current, configurator);
  }
  return current;
}

function configured(provider: Provider, { how, parameters }: Configurator): Provider {
  let { weight } = provider.instance;
  let { switches } = provider;
  let metadata: Metadata | undefined;
  for (const [key, value] of parameters) {
    if (how === 'absent' && parameterOf(provider, key) !== '' && !isDefaultWeight(provider, key)) continue;
    if (key === 'weight') weight = weightFrom(value) ?? weight;
    else if (key === 'disabled') switches = { ...switches, disabled: value.toLowerCase() === 'true' };
    else if (isShown(key, value)) metadata = withEntry(metadata ?? provider.instance.metadata, key, value);
  }
  const health = switches === provider.switches ? provider.instance.health : healthWith(provider, switches);
  const instance: Instance = { ...provider.instance, weight, health, ...(metadata && { metadata }) };
  return { ...provider, switches, instance };
}

/** First, so that it is kept where there are more entries than may be. */
export function withEntry(metadata: Metadata, key: string, value: string): Metadata {
  return metadataFrom([[key, value], ...Object.entries(metadata).filter(([name]) => name !== key)]);
}

/** What the registry itself says of a provider that did not switch itself off stays. */
function healthWith({ instance, switches: before }: Provider, switches: Provider['switches']): Instance['health'] {
  const now = healthFrom(switches);
  return now === 'unhealthy' || healthFrom(before) === instance.health ? now : instance.health;
}

/** A provider that says no weight and one that says the ordinary weight are the same by now; Dubbo writes none. */
function isDefaultWeight({ instance }: Provider, key: string): boolean {
  return key === 'weight' && instance.weight === defaultWeight;
}

function isShown(key: string, value: string): boolean {
  if (key === '' || value === '' || value.length > metadataLimits.valueLength) return false;
  return isKept(key) && key !== 'timestamp' && !isSensitive(key) && !hasCredentials(value);
}
