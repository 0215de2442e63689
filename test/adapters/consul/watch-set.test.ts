import assert from 'node:assert/strict';
import { newServiceState, type ServiceState } from '../../../adapters/consul/service-state.js';
import { WatchSet } from '../../../adapters/consul/watch-set.js';

describe('adapters/consul: watch set', () => {
  let evicted: string[];
  let set: WatchSet;

  beforeEach(() => {
    evicted = [];
    set = new WatchSet({ limit: 2, start: () => undefined, onEvicted: ({ name }) => evicted.push(name) });
  });

  const state = (name: string, changedMs: number): ServiceState =>
    Object.assign(newServiceState(name, undefined), { changedMs });

  it('gives a full place of the quietest service to one that has changed, but not at once', () => {
    const [a, b, c] = [state('a', 5000), state('b', 1000), state('c', 9000)];
    for (const one of [a, b]) set.offer(one, 9000);
    set.offer(c, 9000);
    assert.equal(c.watch, undefined, 'b changed 8 s ago');
    const { signal } = b.watch ?? assert.fail();
    set.offer(c, 32_000);
    assert.ok(c.watch);
    assert.ok(signal.aborted);
    assert.equal(b.watch, undefined);
    assert.deepEqual(evicted, ['b']);
    assert.equal(set.size, 2);
  });

  it('fills free places alone, and passes over services that fail or have gone', () => {
    const states = [state('a', 0), state('b', 0), state('c', 0), state('d', 0)];
    Object.assign(states[0] ?? {}, { failures: 1 });
    Object.assign(states[1] ?? {}, { listed: false });
    set.fill([...states, state('e', 0)], 1_000_000);
    assert.deepEqual(
      states.map(({ watch }) => watch !== undefined),
      [false, false, true, true],
    );
    assert.deepEqual(evicted, []);
  });

  it('has no watch at all where there is no place', () => {
    const none = new WatchSet({ limit: 0, start: () => assert.fail(), onEvicted: () => assert.fail() });
    const one = state('a', 0);
    none.offer(one, 1_000_000);
    none.fill([one], 1_000_000);
    assert.equal(one.watch, undefined);
  });
});
