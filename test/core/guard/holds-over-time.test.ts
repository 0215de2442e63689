import assert from 'node:assert/strict';
import type { GuardRules } from '../../../core/guard/rules.js';
import { ServingWindow } from '../../../core/guard/serving-window.js';
import type { SourceTable } from '../../../core/source/source-table.js';
import { aService } from '../../support/model.js';
import { aTable as aGuardedTable, ids } from './a-table.js';

const rules: GuardRules = { massLoss: { share: 0.15, windowMs: 60_000, minLost: 3, maxHoldMs: 600_000 } };
const minuteMs = 60_000;

function aTable(own: GuardRules = rules) {
  const { time, reported, table } = aGuardedTable(own);
  const pass = (ms: number) => {
    time.nowMs += ms;
    table.tick(time.nowMs);
    table.takeChanged();
  };
  const count = (name: string) => table.services.get(name)?.instances.length;
  const publish = (...services: Parameters<SourceTable['upsert']>) => {
    reported.upsert(...services);
    table.takeChanged();
  };
  return { time, reported, table, pass, count, publish };
}

describe('holds over time', () => {
  it('judges a loss by itself when an earlier hold of the instance, of before a restart, came to nothing', () => {
    const { time, reported, table, pass, count } = aTable();
    const hold = { guard: 'mass-loss', reason: 'r', sinceMs: time.nowMs - 1000, untilMs: time.nowMs + minuteMs };
    const all = ids(1, 20);
    table.restore([aService('a', all)], [{ ...hold, service: 'a', instances: all.map(({ id }) => id) }]);
    table.takeChanged();
    reported.replaceAll([aService('a', all)]);
    table.takeChanged();
    table.listed();
    pass(24 * 60 * minuteMs);
    reported.replaceAll([]);
    table.takeChanged();
    assert.equal(count('a'), 20);
    assert.equal(table.holds()[0]?.untilMs, time.nowMs + 600_000);
  });

  it('ends a hold of before a restart in its time though the clock was ahead when it was written', () => {
    const { time, reported, table, pass, count } = aTable();
    const yearMs = 365 * 24 * 60 * minuteMs;
    const ahead = { sinceMs: time.nowMs + yearMs, untilMs: time.nowMs + yearMs + minuteMs };
    table.restore(
      [aService('a', ids(1, 10))],
      [{ ...ahead, guard: 'mass-loss', reason: 'r', service: 'a', instances: ['010'] }],
    );
    table.takeChanged();
    reported.replaceAll([aService('a', ids(1, 9))]);
    table.takeChanged();
    assert.equal(count('a'), 10);
    pass(minuteMs);
    assert.equal(count('a'), 9);
  });

  it('prolongs what guards hold already when an operator orders to hold', () => {
    const { time, table, pass, count, publish } = aTable();
    publish(aService('a', ids(1, 20)));
    publish(aService('a', ids(1, 10)));
    const sinceMs = time.nowMs;
    pass(minuteMs);
    table.freeze({ service: 'a', reason: 'moving', sinceMs: time.nowMs, untilMs: time.nowMs + 120 * minuteMs });
    assert.deepEqual(
      table.holds().map((hold) => [hold.guard, hold.sinceMs, hold.untilMs]),
      [['operator', sinceMs, time.nowMs + 120 * minuteMs]],
    );
    pass(119 * minuteMs);
    assert.equal(count('a'), 20);
    pass(minuteMs);
    assert.equal(count('a'), 10);
  });

  it('goes by the newest order to hold, be it longer or shorter, also for what is held already', () => {
    const { time, table, pass, count, publish } = aTable();
    const order = (minutes: number) =>
      table.freeze({ service: '*', reason: 'r', sinceMs: time.nowMs, untilMs: time.nowMs + minutes * minuteMs });
    publish(aService('a', ids(1, 2)));
    order(10);
    publish(aService('a', ids(1, 1)));
    order(30);
    pass(20 * minuteMs);
    assert.equal(count('a'), 2);
    order(1);
    pass(minuteMs);
    assert.equal(count('a'), 1);
  });

  it('holds until the last of several orders ends', () => {
    const { time, table, pass, count, publish } = aTable();
    const order = (service: string, minutes: number) =>
      table.freeze({ service, reason: 'r', sinceMs: time.nowMs, untilMs: time.nowMs + minutes * minuteMs });
    publish(aService('ab', ids(1, 4)));
    order('a*', 10);
    order('*b', 60);
    publish(aService('ab', ids(1, 3)));
    order('ab', 1);
    publish(aService('ab', ids(1, 2)));
    pass(59 * minuteMs);
    assert.equal(count('ab'), 4);
    pass(minuteMs);
    assert.equal(count('ab'), 2);
  });

  it('keeps an order to hold over a restart', () => {
    const before = aTable();
    const { nowMs } = before.time;
    before.table.freeze({ service: 'a', reason: 'moving', sinceMs: nowMs, untilMs: nowMs + minuteMs });
    const { table, reported, count } = aTable();
    table.restore([aService('a', ids(1, 2))], [], before.table.freezes);
    table.takeChanged();
    reported.replaceAll([]);
    table.takeChanged();
    assert.equal(count('a'), 2);
    assert.equal(table.holds()[0]?.guard, 'operator');
  });

  it('sees what trickles away though instances that flap become steady meanwhile', () => {
    const flap = { returns: 2, windowMs: minuteMs, quietMs: 1000, maxHoldMs: 30_000 };
    const { pass, count, publish } = aTable({ ...rules, flap });
    publish(aService('a', ids(1, 100)));
    publish(aService('b', ids(1, 2)));
    for (let turn = 1; turn <= 10; turn++) {
      publish(aService('b', ids(1, 1)));
      publish(aService('b', ids(1, 2)));
      publish(aService('a', ids(1, 100 - 5 * turn)));
      pass(2000);
    }
    assert.equal(count('a'), 85);
  });

  it('sees what trickles away though earlier holds end meanwhile', () => {
    const { pass, count, publish, table } = aTable({
      massLoss: { share: 0.15, windowMs: minuteMs, minLost: 3, maxHoldMs: 120_000 },
    });
    publish(aService('a', ids(1, 100)));
    publish(aService('b', ids(1, 100)));
    for (let turn = 0; turn < 10; turn++) {
      publish(aService('a', ids(1, 90 - 10 * turn)));
      pass(5000);
    }
    assert.equal(count('a'), 70);
    pass(84_000);
    assert.equal(table.holds().length > 0, true, 'holds of the first loss end from now on');
    for (let turn = 1; turn <= 10; turn++) {
      publish(aService('b', ids(1, 100 - 5 * turn)));
      pass(2000);
    }
    assert.equal(count('b'), 85);
  });

  it('tells every instance of a hold to whoever stores it', () => {
    const { table, publish } = aTable();
    publish(aService('a', ids(1, 300)));
    publish(aService('a', []));
    assert.equal(table.holds()[0]?.instances.length, 100);
    assert.equal(table.holds(Number.POSITIVE_INFINITY)[0]?.instances.length, 300);
  });
});

describe('scopes that were not read for too long', () => {
  const reason = { guard: 'staleness' as const, reason: 'too old', sinceMs: 1, untilMs: Infinity };

  it('finds the services that a scope covers, as adapters write it', () => {
    const attributes = { name: 'web', datacenter: 'bj', namespace: 'gray', application: 'shop' };
    for (const scope of ['', 'web', 'service web', 'bj', 'gray', 'bj namespace gray', 'application shop']) {
      const { table, count, publish } = aTable();
      publish({ ...aService('web', ids(1, 2)), attributes });
      publish({ ...aService('other', ids(1, 2)), attributes: { name: 'other', datacenter: 'hz' } });
      table.outdate(new Map([[scope, reason]]));
      assert.equal(count('web'), 0, scope);
      assert.equal(count('other'), scope === '' ? 0 : 2, scope);
    }
  });

  it('takes no longer for many scopes than for few', () => {
    const { table, count, reported } = aTable();
    reported.replaceAll(Array.from({ length: 10_000 }, (_, index) => aService(`s${index}`, ids(1, 1))));
    table.takeChanged();
    const scopes = new Map(Array.from({ length: 50_000 }, (_, index) => [`s${index + 5000}`, reason]));
    const began = performance.now();
    table.outdate(scopes);
    // The product of both would be some minutes.
    assert.ok(performance.now() - began < 10_000);
    assert.equal(count('s4999'), 1);
    assert.equal(count('s5000'), 0);
  });
});

describe('ServingWindow', () => {
  it('forgets what was until a moment, and nothing that came later', () => {
    const window = new ServingWindow(minuteMs);
    window.push(0, 100);
    window.push(10, 90);
    window.push(20, 80);
    window.forget(10);
    assert.equal(window.max(30), 90);
    window.forget(20);
    assert.equal(window.max(30), 80);
  });
});
