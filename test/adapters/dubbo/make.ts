import assert from 'node:assert/strict';
import { type Provider, ProviderReader } from '../../../adapters/dubbo/provider.js';
import type { ServiceRecords } from '../../../adapters/dubbo/service.js';

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
