import assert from 'node:assert/strict';
import { Publication } from '../../../adapters/consul/publication.js';
import { Published } from '../../../adapters/consul/published.js';

describe('adapters/consul: what is told of a datacenter', () => {
  it('does not repeat, after a listing, a failure that the listing has ended', () => {
    const told: string[] = [];
    const out = {
      replaceAll: () => told.push('all'),
      upsert: () => told.push('upsert'),
      remove: () => told.push('remove'),
      degraded: (reason: Error, scope = '') => told.push(`degraded ${scope} ${reason.message}`),
      recovered: (scope = '') => told.push(`recovered ${scope}`),
      notice: () => undefined,
      consumers: () => undefined,
      audited: () => undefined,
    };
    const datacenter = { scope: undefined, published: new Published(0) };
    const publication = new Publication(out, [datacenter]);
    publication.degraded(datacenter, new Error('down'));
    publication.listed(datacenter, [], new Map([['service web', new Error('hidden')]]));
    const after = told.slice(told.indexOf('all'));
    assert.ok(after.includes('degraded service web hidden'));
    assert.ok(!after.includes('degraded  down'), told.join());
  });
});
