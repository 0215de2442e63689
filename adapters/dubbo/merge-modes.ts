import { isServing } from '../../core/plugin/index.js';
import type { Provider } from './provider.js';
import type { ServiceRecords } from './service.js';

/**
 * One service as it is registered by interface and, during a Dubbo migration, by application too: one provider for each
 * protocol, address and port (`instance.id`), gone only when both have lost it.
 *
 * Where both have it, the record by interface counts, whole: it is written for this very provider, comes without a
 * second reading that can be late, and is what an override rewrites. One exception: when the registry says that the
 * provider by interface does not serve, though it did not switch itself off, while it serves by application (two
 * registrations, two heart-beats), it serves.
 */
export function mergeModes(
  byInterface: ServiceRecords | undefined,
  byApplication: ServiceRecords | undefined,
): ServiceRecords | undefined {
  if (!byInterface || !byApplication) return byInterface ?? byApplication;
  const applications = new Map(byApplication.providers.map((provider) => [provider.instance.id, provider]));
  const providers: Provider[] = [];
  for (const provider of byInterface.providers) {
    const other = applications.get(provider.instance.id);
    applications.delete(provider.instance.id);
    providers.push(other ? mergeProvider(provider, other) : provider);
  }
  return {
    interfaceName: byInterface.interfaceName,
    id: byInterface.id,
    providers: [...providers, ...applications.values()],
    rejected: [...byInterface.rejected, ...byApplication.rejected],
    ...(byInterface.rules && { rules: byInterface.rules }),
  };
}

function mergeProvider(provider: Provider, other: Provider): Provider {
  const { instance, switches } = provider;
  const isSwitchedOff = switches.disabled ?? switches.enabled === false;
  if (isSwitchedOff || isServing(instance) || instance.health === 'healthy' || !isServing(other.instance))
    return provider;
  return { ...provider, instance: { ...instance, health: other.instance.health } };
}
