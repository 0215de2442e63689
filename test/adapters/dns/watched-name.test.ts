import assert from 'node:assert/strict';
import { dnsSchema } from '../../../adapters/dns/config.js';
import type { Resolve } from '../../../adapters/dns/lookup.js';
import type { Resolution } from '../../../adapters/dns/resolver.js';
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

  describe('whose SRV record moves to another target', () => {
    const config = dnsSchema.parse({ names: [{ name: 'orders', host: '_http._tcp.orders.test', type: 'SRV' }] });
    const { signal } = new AbortController();
    const anAddress = (address: string): Resolution => ({
      kind: 'records',
      ttlSeconds: 60,
      records: [{ type: 'A', name: 'target.test', ttlSeconds: 60, address }],
    });
    const hasNoSuch = { kind: 'nothing', reason: 'NODATA', ttlSeconds: 60 } satisfies Resolution;
    const ids = (name: WatchedName) => name.service?.instances.map(({ id }) => id);

    /** A name that is published with the address of `a.test`, and then names `b.test` alone. */
    async function moved() {
      const [entry] = config.names;
      assert.ok(entry);
      const time = { nowMs: 1000 };
      let target = 'a.test';
      const answers = new Map<string, Resolution>([
        ['a.test A', anAddress('10.0.0.1')],
        ['a.test AAAA', hasNoSuch],
      ]);
      const resolve: Resolve = async (host, type) => {
        if (type === 'SRV') {
          const srv = { priority: 0, weight: 0, port: 80, target };
          return { kind: 'records', ttlSeconds: 60, records: [{ type: 'SRV', name: host, ttlSeconds: 60, ...srv }] };
        }
        const answer = answers.get(`${host} ${type}`);
        if (!answer) throw new Error(`${host} ${type}: no answer`);
        return answer;
      };
      const name = new WatchedName(entry, config, { ...systemClock, now: () => time.nowMs });
      await name.refresh(resolve, signal);
      assert.deepEqual(ids(name), ['10.0.0.1:80']);
      target = 'b.test';
      return { name, time, answers, refresh: () => name.refresh(resolve, signal) };
    }

    it('keeps its instances while there is no answer for the new one, however long', async () => {
      const { name, time, answers, refresh } = await moved();
      for (let round = 0; round < 3; round++) {
        await refresh();
        assert.deepEqual(ids(name), ['10.0.0.1:80']);
        assert.match(String(name.problem), /b\.test A: no answer/);
        time.nowMs += config.negativeGraceMs;
      }
      // Of two types, one that has nothing says nothing of the other.
      answers.set('b.test AAAA', hasNoSuch);
      await refresh();
      assert.deepEqual(ids(name), ['10.0.0.1:80']);
      answers.set('b.test A', anAddress('10.0.0.2'));
      await refresh();
      assert.deepEqual(ids(name), ['10.0.0.2:80']);
      assert.equal(name.problem, undefined);
    });

    it('doubts at first that the new one does not exist', async () => {
      const { name, time, answers, refresh } = await moved();
      for (const type of ['A', 'AAAA']) answers.set(`b.test ${type}`, { ...hasNoSuch, reason: 'NXDOMAIN' });
      await refresh();
      assert.deepEqual(ids(name), ['10.0.0.1:80']);
      assert.match(String(name.problem), /NXDOMAIN/);
      time.nowMs += config.negativeGraceMs;
      await refresh();
      assert.deepEqual(ids(name), []);
      assert.equal(name.problem, undefined);
    });
  });
});
