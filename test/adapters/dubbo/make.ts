import assert from 'node:assert/strict';
import type { ApplicationInstance } from '../../../adapters/dubbo/application-instance.js';
import { type Provider, ProviderReader } from '../../../adapters/dubbo/provider.js';
import type { ServiceRecords } from '../../../adapters/dubbo/service.js';
import { defaultWeight, emptyMetadata } from '../../../core/model/index.js';

export const greet = 'lab.api.Greet';

/** A provider as its URL has it. */
export function provider(authority: string, query = '', protocol = 'dubbo', reader = new ProviderReader()): Provider {
  const url = `${protocol}://${authority}/${greet}?application=shop&interface=${greet}&side=provider${query}`;
  const outcome = reader.read(greet, encodeURIComponent(url));
  assert.ok(outcome.kind === 'provider', JSON.stringify(outcome));
  return outcome;
}

/** The records of the service of the first provider. */
export function records(...providers: Provider[]): ServiceRecords {
  const id = providers[0]?.id ?? { version: '', group: '' };
  return { interfaceName: greet, id, providers, rejected: [] };
}

/** An instance by application, as a registry has it. */
export function applicationInstance(fields: Partial<ApplicationInstance>): ApplicationInstance {
  return {
    application: 'shop',
    address: '10.0.0.1',
    port: 20880,
    endpoints: {},
    revision: 'r1',
    storage: 'local',
    metadataService: undefined,
    timestampMs: 0,
    health: 'healthy',
    weight: defaultWeight,
    metadata: emptyMetadata,
    ...fields,
  };
}
