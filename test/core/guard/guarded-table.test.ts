import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { GuardRules } from '../../../core/guard/rules.js';
import { isServing, type Service } from '../../../core/model/index.js';
import { anInstance, aService } from '../../support/model.js';
import { aTable as aGuardedTable, ids } from './a-table.js';

const rules: GuardRules = {
  massLoss: { share: 0.15, windowMs: 60_000, minLost: 3, maxHoldMs: 600_000 },
  empty: { minInstances: 3, windowMs: 60_000, maxHoldMs: 300_000 },
};

const aTable = (own: GuardRules = rules) => aGuardedTable(own);

describe('GuardedTable', () => {
  it('lets through what is new, what changes and what is a small loss', () => {
    const { reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 20))]);
    assert.deepEqual(take(), ['a registry']);
    reported.upsert(aService('a', ids(2, 21)));
    reported.upsert(aService('b', ids(1, 1)));
    assert.deepEqual(take(), ['a registry', 'b registry']);
    assert.equal(let_('a')?.[0], '002');
    assert.deepEqual(table.holds(), []);
  });

  it('holds a mass loss, lets it through after its time, and says both', () => {
    const { time, told, accepted, reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 10)), aService('b', ids(1, 10))]);
    take();
    reported.replaceAll([aService('a', ids(1, 10))]);
    assert.deepEqual(take(), [], 'nobody sees a difference');
    assert.deepEqual(told, ['mass-loss 1 services 10 instances']);
    assert.equal(let_('b')?.length, 10);
    const [hold] = table.holds();
    assert.equal(hold?.guard, 'mass-loss');
    assert.equal(hold?.service, 'b');
    assert.equal(hold?.count, 10);
    assert.equal(hold?.untilMs, time.nowMs + 600_000);
    time.nowMs += 599_999;
    table.tick(time.nowMs);
    assert.equal(let_('b')?.length, 10);
    time.nowMs += 1;
    table.tick(time.nowMs);
    assert.deepEqual(take(), ['b guard']);
    assert.equal(let_('b'), undefined);
    assert.deepEqual(table.holds(), []);
    assert.deepEqual(accepted.slice(-1), ['b gone']);
  });

  it('judges what was reported a moment before a hold ends', () => {
    const { time, reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 40))]);
    take();
    reported.upsert(aService('a', ids(11, 40)));
    take();
    assert.equal(table.holds()[0]?.count, 10);
    time.nowMs += 600_000;
    reported.upsert(aService('a', ids(31, 40)));
    table.tick(time.nowMs);
    take();
    assert.equal(let_('a')?.length, 30, 'the ten whose time is over are gone, and no more');
    assert.equal(table.holds()[0]?.count, 20);
  });

  it('lets additions and changes of a service through while it holds its losses', () => {
    const { reported, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 10))]);
    take();
    reported.upsert(aService('a', [anInstance('001', { weight: 7 }), anInstance('999')]));
    take();
    assert.equal(let_('a')?.length, 11);
    assert.ok(let_('a')?.includes('999'));
  });

  it('ends the hold of an instance that the registry has again', () => {
    const { reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 10))]);
    take();
    reported.upsert(aService('a', ids(1, 2)));
    take();
    assert.equal(table.holds()[0]?.count, 8);
    reported.upsert(aService('a', ids(1, 7)));
    take();
    assert.deepEqual(table.holds()[0]?.instances, ['008', '009', '010']);
    reported.upsert(aService('a', ids(1, 10)));
    take();
    assert.deepEqual(table.holds(), []);
    assert.equal(let_('a')?.length, 10);
  });

  it('counts an instance that is said to be unhealthy as lost, and holds it as it was', () => {
    const { reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 10))]);
    take();
    reported.upsert(aService('a', ids(1, 10, { health: 'unhealthy', metadata: { zone: 'new' } })));
    take();
    assert.ok(let_('a')?.every((id) => !id.endsWith('!')));
    assert.equal(table.services.get('a')?.instances[0]?.metadata['zone'], 'new', 'what else is new is let through');
    table.release('*', 'ops');
    take();
    assert.ok(let_('a')?.every((id) => id.endsWith('!')));
  });

  it('takes instances that were replaced for no loss', () => {
    const { reported, table, take } = aTable();
    reported.replaceAll([aService('a', ids(1, 10))]);
    take();
    reported.upsert(aService('a', ids(101, 110)));
    assert.deepEqual(take(), ['a registry']);
    assert.deepEqual(table.holds(), []);
  });

  it('holds what trickles away once it is too much within the window', () => {
    const { time, reported, table, take } = aTable();
    reported.replaceAll([aService('a', ids(1, 100))]);
    take();
    for (let left = 99; left >= 80; left--) {
      time.nowMs += 100;
      reported.upsert(aService('a', ids(1, left)));
      take();
    }
    assert.equal(table.services.get('a')?.instances.length, 85);
    assert.equal(
      table.holds().reduce((sum, { count }) => sum + count, 0),
      5,
    );
  });

  it('lets an operator release one service, and takes the rest for no further loss', () => {
    const { reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 10)), aService('b', ids(1, 10)), aService('c', ids(1, 40))]);
    take();
    reported.replaceAll([aService('c', ids(1, 40))]);
    take();
    assert.equal(table.release('a', 'ops'), 1);
    assert.deepEqual(take(), ['a operator']);
    assert.equal(let_('a'), undefined);
    assert.equal(let_('b')?.length, 10);
    reported.upsert(aService('c', ids(1, 38)));
    assert.deepEqual(take(), ['c registry'], 'two of forty are an ordinary loss again');
  });

  it('holds the last instances of one namespace, and those of others not', () => {
    const { reported, table, take } = aTable({ empty: { minInstances: 3, windowMs: 60_000, maxHoldMs: 1000 } });
    const inNamespace = (namespace: string, name: string, count: number) => ({
      ...aService(`${namespace}/${name}`, ids(1, count)),
      attributes: { namespace, name },
    });
    reported.replaceAll([inNamespace('gray', 'a', 4), inNamespace('blue', 'a', 4), inNamespace('blue', 'b', 4)]);
    take();
    reported.replaceAll([inNamespace('blue', 'b', 4)]);
    assert.deepEqual(take(), ['blue/a registry']);
    assert.deepEqual(
      table.holds().map(({ guard, service, reason }) => [guard, service, reason]),
      [['empty', 'gray/a', 'gray had 4 instances and has none within 60 s']],
    );
  });

  it('keeps the share of a service serving when health checks fail together, and lets deregistrations go', () => {
    const { reported, table, take, ids: let_ } = aTable({ minimumHealthy: { share: 0.5, maxHoldMs: 1000 } });
    reported.replaceAll([aService('a', ids(1, 4))]);
    take();
    reported.upsert(aService('a', ids(1, 3, { health: 'unhealthy' })));
    take();
    assert.deepEqual(let_('a'), ['001', '002', '003']);
    assert.equal(table.holds()[0]?.guard, 'minimum-healthy');
  });

  it('freezes at an operator’s word, until the freeze ends', () => {
    const { time, reported, table, take, ids: let_ } = aTable();
    const rest = aService('c', ids(1, 40));
    reported.replaceAll([aService('a', ids(1, 2)), aService('b', ids(1, 2)), rest]);
    take();
    table.freeze({ service: 'a', reason: 'deployment', sinceMs: time.nowMs, untilMs: time.nowMs + 5000 });
    reported.replaceAll([rest]);
    take();
    assert.equal(let_('a')?.length, 2);
    assert.equal(let_('b'), undefined);
    assert.equal(table.holds()[0]?.guard, 'operator');
    time.nowMs += 5000;
    table.tick(time.nowMs);
    assert.deepEqual(table.freezes, []);
    take();
    assert.equal(let_('a'), undefined);
  });

  it('leaves an instance that flaps out of traffic until it is steady, but never the last one', () => {
    const flap = { returns: 3, windowMs: 60_000, quietMs: 5000, maxHoldMs: 30_000 };
    const { time, reported, table, take, ids: let_ } = aTable({ flap });
    reported.replaceAll([aService('a', ids(1, 2)), aService('alone', ids(1, 1))]);
    take();
    for (let turn = 0; turn < 3; turn++) {
      reported.replaceAll([aService('a', ids(1, 1)), aService('alone', [])]);
      take();
      time.nowMs += 100;
      reported.replaceAll([aService('a', ids(1, 2)), aService('alone', ids(1, 1))]);
      take();
    }
    assert.deepEqual(let_('a'), ['001', '002!']);
    assert.deepEqual(let_('alone'), ['001']);
    assert.equal(table.holds().find(({ service }) => service === 'a')?.guard, 'flap');
    time.nowMs += 5000;
    table.tick(time.nowMs);
    assert.deepEqual(take(), ['a guard']);
    assert.deepEqual(let_('a'), ['001', '002']);
  });

  it('takes out what was not read for too long, and back in what is read again', () => {
    const { time, reported, table, take, ids: let_ } = aTable();
    reported.replaceAll([aService('a', ids(1, 2)), aService('b', ids(1, 2))]);
    take();
    const reason = { guard: 'staleness' as const, reason: 'too old', sinceMs: time.nowMs, untilMs: Infinity };
    table.outdate(new Map([['a', reason]]));
    assert.deepEqual(take(), ['a guard']);
    assert.deepEqual(let_('a'), []);
    assert.equal(let_('b')?.length, 2);
    assert.equal(table.holds()[0]?.untilMs, undefined);
    table.outdate(new Map());
    assert.deepEqual(take(), ['a guard']);
    assert.equal(let_('a')?.length, 2);
  });

  it('measures the first listing after a restart against what was restored', () => {
    const { time, reported, table, take, ids: let_ } = aTable();
    table.restore([aService('a', ids(1, 10)), aService('b', ids(1, 10))], []);
    assert.deepEqual(take(), ['a restored', 'b restored']);
    time.nowMs += 3_600_000;
    reported.replaceAll([aService('a', ids(1, 10))]);
    assert.deepEqual(take(), []);
    assert.equal(let_('b')?.length, 10);
    assert.equal(table.holds()[0]?.guard, 'mass-loss');
  });

  it('resumes a hold of before a restart with the age that it had', () => {
    const { time, reported, table, take, ids: let_ } = aTable();
    const stored = { guard: 'mass-loss', reason: 'r', sinceMs: time.nowMs - 500, untilMs: time.nowMs + 100 };
    const over = { guard: 'mass-loss', reason: 'r', sinceMs: time.nowMs - 900, untilMs: time.nowMs - 1 };
    table.restore(
      [aService('a', ids(1, 10)), aService('b', ids(1, 1))],
      [
        { ...stored, service: 'a', instances: ['010'] },
        { ...over, service: 'b', instances: ['001'] },
      ],
    );
    take();
    reported.replaceAll([aService('a', ids(1, 9))]);
    take();
    assert.equal(let_('a')?.length, 10);
    assert.deepEqual(
      table.holds().map(({ service, sinceMs }) => [service, sinceMs]),
      [['a', stored.sinceMs]],
    );
    assert.equal(let_('b'), undefined);
    time.nowMs += 100;
    table.tick(time.nowMs);
    assert.equal(let_('a')?.length, 9);
  });

  it('never loses more at once than its rule allows, never hides what is there, and converges when holds are over', () => {
    const services = fc.array(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        present: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 12 }),
        sick: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
      }),
      { maxLength: 6 },
    );
    const serving = (all: Iterable<Service>) =>
      [...all].flatMap(({ name, instances }) => instances.filter(isServing).map(({ id }) => `${name}/${id}`));
    fc.assert(
      fc.property(fc.array(fc.record({ services, afterMs: fc.nat(90_000) }), { maxLength: 20 }), (steps) => {
        const { time, reported, table, take } = aTable();
        for (const step of steps) {
          time.nowMs += step.afterMs;
          table.tick(time.nowMs);
          take();
          const before = new Set(serving(table.services.values()));
          const listed = new Map(
            step.services.map(({ name, present, sick }) => [
              name,
              aService(
                name,
                present.map((id) => anInstance(String(id), { health: sick.includes(id) ? 'unhealthy' : 'healthy' })),
              ),
            ]),
          );
          const reportedBefore = serving(reported.services.values()).length;
          reported.replaceAll(listed.values());
          take();
          const now = new Set(serving(table.services.values()));
          const reportedNow = serving(reported.services.values());
          for (const id of reportedNow) assert.ok(now.has(id), `${id} is reported and hidden`);
          const lost = [...before].filter((id) => !now.has(id)).length;
          const drop = reportedBefore - reportedNow.length;
          if (drop >= 3 && drop > reportedBefore * 0.15) assert.equal(lost, 0, 'a mass loss went through');
        }
        time.nowMs += 600_000;
        table.tick(time.nowMs);
        take();
        assert.deepEqual(serving(table.services.values()).sort(), serving(reported.services.values()).sort());
      }),
    );
  });
});
