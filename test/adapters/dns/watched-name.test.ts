import assert from 'node:assert/strict';
import { dnsSchema } from '../../../adapters/dns/config.js';
import type { Resolve } from '../../../adapters/dns/lookup.js';
import { WatchedName } from '../../../adapters/dns/watched-name.js';
import { systemClock } from '../../../core/plugin/index.js';

describe('adapters/dns: a watched name', () => {
  it('doubts at first that no target of its SRV records has an address', async () => {
    const config = dnsSchema.parse({ names: [{ name: 'orders', host: '_http._tcp.orders.test', type: 'SRV' }] });
    const [entry] = config.names;
    assert.ok(entry);
    let nowMs = 1000;
    const name = new WatchedName(entry, config, { ...systemClock, now: () => nowMs });
    const resolve: Resolve = async (host, type) => {
      if (type !== 'SRV') return { kind: 'nothing', reason: 'NXDOMAIN', ttlSeconds: 60 };
      const srv = { priority: 0, weight: 0, port: 80, target: 'a.test' };
      return { kind: 'records', ttlSeconds: 60, records: [{ type: 'SRV', name: host, ttlSeconds: 60, ...srv }] };
    };
    const { signal } = new AbortController();
    const isKnown = () => name.service !== undefined;
    await name.refresh(resolve, signal);
    assert.ok(!isKnown());
    assert.match(String(name.problem), /NXDOMAIN/);
    nowMs += config.negativeGraceMs;
    await name.refresh(resolve, signal);
    assert.ok(isKnown());
    assert.deepEqual(name.service?.instances, []);
    assert.equal(name.problem, undefined);
  });
});
