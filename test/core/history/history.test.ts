import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { contentHash } from '../../../core/catalog/content-hash.js';
import { type HistoryEntry, isChange } from '../../../core/history/entry.js';
import type { HistoryOptions } from '../../../core/history/history-writer.js';
import type { Service } from '../../../core/model/index.js';
import { anInstance, aService } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { Recorded, useRecordings } from './recorded.js';

const minuteMs = 60_000;
const none = new AbortController().signal;

describe('the history', () => {
  const recordings = useRecordings();

  async function start(services: readonly Service[] = [], options: Partial<HistoryOptions> = {}): Promise<Recorded> {
    const recorded = recordings.make(options);
    recorded.catalog.apply(
      'a',
      services.map((service) => [service.name, service]),
    );
    return recorded.start();
  }
  /** Moves the time on a minute, and has source `a` say this. */
  function say(recorded: Recorded, ...services: (Service | string)[]): number {
    recordings.time.nowMs += minuteMs;
    recorded.catalog.apply(
      'a',
      services.map((one) => (typeof one === 'string' ? [one, undefined] : [one.name, one])),
    );
    return recordings.time.nowMs;
  }
  const entriesOf = async ({ history }: Recorded, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER) =>
    (await history.page({ fromMs, toMs }, 10_000, none)).items;

  it('shows the catalog as it was', async () => {
    const began = recordings.time.nowMs;
    const recorded = await start([aService('orders', [anInstance('1')]), aService('pay')]);
    const first = say(recorded, aService('orders', [anInstance('1'), anInstance('2')]));
    const second = say(recorded, aService('orders', [anInstance('2', { health: 'unhealthy' })]), 'pay');
    const third = say(recorded, aService('stock', [anInstance('1')]));
    const idsAt = async (atMs: number) =>
      Object.fromEntries(
        [...(await recorded.history.at(atMs, none))].map(([host, { origins }]) => [
          host,
          origins.flatMap(({ instances }) => instances.map(({ id, health }) => `${id} ${health}`)),
        ]),
      );
    const beginning = { 'orders.mesh': ['1 healthy'], 'pay.mesh': [] };
    assert.deepEqual(await idsAt(began), beginning);
    assert.deepEqual(await idsAt(first - 1), beginning);
    assert.deepEqual(await idsAt(first), { ...beginning, 'orders.mesh': ['1 healthy', '2 healthy'] });
    assert.deepEqual(await idsAt(second), { 'orders.mesh': ['2 unhealthy'] });
    assert.deepEqual(await idsAt(third), { 'orders.mesh': ['2 unhealthy'], 'stock.mesh': ['1 healthy'] });
    assert.deepEqual(
      [...(await recorded.history.at(third, none, (host) => host === 'stock.mesh')).keys()],
      ['stock.mesh'],
    );
    await assert.rejects(
      recorded.history.at(began - 1, none),
      /^HistoryRangeError: the history begins at 2026-03-01T12/,
    );
    assert.equal(statSync(join(recordings.dir, '0000000001.log')).mode & 0o777, 0o600);
  });

  it('tells what happened, and why', async () => {
    const recorded = await start([aService('orders', [anInstance('1')])]);
    say(recorded, aService('orders', [anInstance('1', { weight: 0 })]));
    recordings.time.nowMs += minuteMs;
    recorded.catalog.apply('a', [['orders', undefined, { kind: 'guard', detail: 'a hold ran out' }]]);
    const [started, changed, removed] = await entriesOf(recorded);
    assert.deepEqual(started, {
      kind: 'started',
      atMs: recordings.time.nowMs - 2 * minuteMs,
      version: '1.2.3',
      config: 'one',
      configChanged: false,
    });
    assert.ok(changed && isChange(changed) && removed && isChange(removed));
    assert.deepEqual(
      [changed.kind, changed.host, changed.source, changed.service],
      ['changed', 'orders.mesh', 'a', 'orders'],
    );
    assert.deepEqual(changed.cause, { kind: 'registry' });
    assert.deepEqual(changed.origins[0]?.changed[0]?.was, { weight: 100 });
    assert.deepEqual(removed.cause, { kind: 'guard', detail: 'a hold ran out' });
    assert.deepEqual(removed.origins[0]?.removed, [{ id: '1', address: '10.0.0.1', ports: { http: 8080 } }]);
    assert.deepEqual(await entriesOf(recorded, recordings.time.nowMs), [removed]);
    assert.deepEqual(await entriesOf(recorded, recordings.time.nowMs + 1), []);
  });

  it('is read by pages', async () => {
    const recorded = await start([]);
    for (let round = 0; round < 10; round++) say(recorded, aService(`s${round}`));
    const expected = await entriesOf(recorded);
    const got: HistoryEntry[] = [];
    for (let after = undefined as never; ; ) {
      const query = { fromMs: 0, toMs: recordings.time.nowMs, ...(after ? { after } : {}) };
      const { items, next } = await recorded.history.page(query, 3, none);
      assert.ok(items.length <= 3);
      got.push(...items);
      if (!next) break;
      after = next as never;
    }
    assert.equal(got.length, 11);
    assert.deepEqual(got, expected);
  });

  it('tells the net of what differs between two moments', async () => {
    const recorded = await start([aService('orders', [anInstance('1')]), aService('back', [anInstance('1')])]);
    const from = recordings.time.nowMs;
    say(recorded, 'back', aService('orders', [anInstance('1'), anInstance('2')]));
    say(recorded, aService('back', [anInstance('1')]), aService('orders', [anInstance('2')]), aService('new'));
    const to = recordings.time.nowMs;
    const { hosts, marks } = await recorded.history.difference({ fromMs: from, toMs: to, limit: 10 }, none);
    assert.deepEqual(
      hosts.map(({ host, kind, entries }) => [host, kind, entries.length]),
      [
        ['new.mesh', 'added', 1],
        ['orders.mesh', 'changed', 2],
      ],
    );
    const [origin] = hosts[1]?.origins ?? [];
    assert.deepEqual([origin?.added.map(({ id }) => id), origin?.removed.map(({ id }) => id)], [['2'], ['1']]);
    assert.deepEqual(marks, []);
    const page = await recorded.history.difference({ fromMs: from, toMs: to, limit: 1 }, none);
    assert.deepEqual([page.hosts.length, page.hasMore], [1, true]);
    const rest = await recorded.history.difference({ fromMs: from, toMs: to, limit: 1, after: 'new.mesh' }, none);
    assert.deepEqual([rest.hosts.map(({ host }) => host), rest.hasMore], [['orders.mesh'], false]);
  });

  it('goes on after a restart, and tells what changed while nobody looked', async () => {
    const orders = aService('orders', [anInstance('1')]);
    const first = await start([orders, aService('pay'), aService('gone')]);
    await first.stop();
    const stopped = recordings.time.nowMs;
    recordings.time.nowMs += minuteMs;
    const second = await start([orders, aService('pay', [anInstance('9')])], { configHash: 'one' });
    await second.stop();
    recordings.time.nowMs += minuteMs;
    const third = await start([orders], { configHash: 'two' });
    const told = (await entriesOf(third)).map((entry) =>
      isChange(entry)
        ? `${entry.kind} ${entry.host} ${entry.cause.kind}`
        : `${entry.kind}${'configChanged' in entry && entry.configChanged ? ' otherwise' : ''}`,
    );
    assert.deepEqual(told, [
      'started',
      'stopped',
      'started',
      'removed gone.mesh restart',
      'changed pay.mesh restart',
      'stopped',
      'started otherwise',
      'removed pay.mesh config',
    ]);
    // While it was away, the mesh kept what it had.
    assert.deepEqual([...(await third.history.at(stopped + 1, none)).keys()].sort(), [
      'gone.mesh',
      'orders.mesh',
      'pay.mesh',
    ]);
    assert.equal(readdirSync(recordings.dir).length, 1);
  });

  it('records nothing of a start that nobody saw the end of', async () => {
    const first = await start([aService('orders')]);
    await first.stop();
    const second = new Recorded(recordings.dir, recordings.time);
    const stop = new AbortController();
    const running = second.history.run(second.catalog, stop.signal);
    second.catalog.apply('a', [['other', aService('other')]]);
    stop.abort();
    await running;
    const third = await start([aService('orders')]);
    assert.deepEqual(
      (await entriesOf(third)).map(({ kind }) => kind),
      ['started', 'stopped', 'started'],
    );
  });

  it('is right at each moment, over many files and restarts', async function () {
    this.timeout(120_000);
    const options = { maxBytes: 100_000 };
    const expected: { atMs: number; services: ReadonlyMap<string, CatalogService> }[] = [];
    let random = 1;
    const next = (bound: number) => {
      random = (random * 48_271) % 0x7fffffff;
      return random % bound;
    };
    const state = new Map<string, Service>();
    for (let run = 0; run < 4; run++) {
      const recorded = await start([...state.values()], options);
      for (let step = 0; step < 60; step++) {
        const name = `s${next(12)}`;
        const metadata = { noise: Array.from({ length: 60 }, () => next(1e9).toString(36)).join('') };
        const instances = Array.from({ length: next(5) }, (_, index) => anInstance(`i${index}`, { metadata }));
        if (next(5) === 0) {
          state.delete(name);
          say(recorded, name);
        } else {
          const service = aService(name, instances);
          state.set(name, service);
          say(recorded, service);
        }
        expected.push({ atMs: recordings.time.nowMs, services: new Map(recorded.catalog.snapshot().services) });
        await recorded.history.flush();
        assert.ok(recorded.history.status().bytes <= options.maxBytes);
      }
      const oldest = recorded.history.status().oldestMs ?? 0;
      for (const { atMs, services } of expected) {
        if (atMs < oldest) continue;
        const got = await recorded.history.at(atMs, none);
        assert.deepEqual(versionsOf(got), versionsOf(services));
        for (const { host, ports, metadata, origins, version } of got.values()) {
          assert.equal(contentHash(host, ports, metadata, origins), version);
        }
      }
      await recorded.stop();
    }
    assert.ok(readdirSync(recordings.dir).length > 2, 'there are several files');
    assert.ok(!readdirSync(recordings.dir).includes('0000000001.log'), 'the first is gone');
  });

  it('removes what is too old, file by file', async () => {
    const recorded = await start([], { maxAgeMs: 80 * minuteMs });
    for (let round = 0; round < 200; round++) {
      say(recorded, aService(`s${round % 3}`, [anInstance(String(round))]));
      await recorded.history.flush();
    }
    const ageMs = recordings.time.nowMs - (recorded.history.status().oldestMs ?? 0);
    assert.ok(ageMs >= 79 * minuteMs && ageMs <= 95 * minuteMs, `${ageMs / minuteMs} minutes`);
  });

  it('records a gap when changes come faster than the disk, and is right after it', async () => {
    const recorded = await start([aService('orders')], { maxQueued: 5 });
    const before = recordings.time.nowMs;
    const during = say(recorded, ...Array.from({ length: 6 }, (_, index) => aService(`s${index}`)));
    recordings.time.nowMs += minuteMs; // in the same turn: the new file begins a minute after the first change that was dropped
    await recorded.history.flush();
    const after = say(recorded, aService('late'));
    assert.equal(recorded.history.status().dropped, 6);
    assert.equal((await recorded.history.at(after, none)).size, 8);
    assert.equal((await recorded.history.at(before, none)).size, 1);
    await assert.rejects(recorded.history.at(during, none), /HistoryRangeError: changes were not recorded from/);
    assert.equal((await recorded.history.at(after - minuteMs, none)).size, 7, 'a new file says how it was then');
    const kinds = (await entriesOf(recorded)).map((entry) =>
      entry.kind === 'gap' ? `gap of ${entry.dropped}` : entry.kind,
    );
    assert.deepEqual(kinds, ['started', 'gap of 6', 'added']);
  });

  it('is never wrong when a file was changed or cut', async () => {
    const recorded = await start([aService('orders', [anInstance('1')])]);
    const times = [say(recorded, aService('pay')), say(recorded, aService('orders')), say(recorded, 'pay')];
    const expected = new Map<number, unknown>();
    for (const atMs of times) expected.set(atMs, versionsOf(await recorded.history.at(atMs, none)));
    await recorded.stop();
    const file = join(recordings.dir, '0000000001.log');
    const bytes = readFileSync(file);
    const { history } = recorded;
    for (let at = 0; at < bytes.length; at += 3) {
      const wrong = Buffer.from(bytes);
      wrong[at] = (wrong[at] ?? 0) ^ (1 << (at % 8));
      writeFileSync(file, wrong);
      for (const atMs of times) {
        const got = await history.at(atMs, none).then(versionsOf, (error: Error) => error.name);
        if (at < bytes.length - 16)
          assert.ok(got === 'HistoryRangeError' || equal(got, expected.get(atMs)), `byte ${at}`);
      }
    }
  });

  it('begins anew beside a damaged file, and says that a part lacks', async () => {
    const first = await start([aService('orders')]);
    const early = recordings.time.nowMs;
    say(first, aService('pay'));
    await first.stop();
    const file = join(recordings.dir, '0000000001.log');
    const bytes = readFileSync(file);
    bytes[30] = 0xee;
    writeFileSync(file, bytes);
    recordings.time.nowMs += minuteMs;
    const second = await start([aService('orders')]);
    await assert.rejects(second.history.at(early, none), /HistoryRangeError/);
    assert.equal((await second.history.at(recordings.time.nowMs, none)).size, 1);
    assert.ok(second.lines.some(({ msg }) => /damaged|gap/.test(msg)));
  });

  it('is a status and a retry when it can not be written', async () => {
    rmSync(recordings.dir, { recursive: true });
    writeFileSync(recordings.dir, 'a file where the folder is to be');
    const recorded = await start([aService('orders')]);
    assert.equal(recorded.history.status().write.state, 'failing');
    await assert.rejects(recorded.history.at(recordings.time.nowMs, none), /there is no history yet/);
    rmSync(recordings.dir);
    await poll(() => recorded.history.status().write.state === 'writing');
    assert.equal((await recorded.history.at(recordings.time.nowMs, none)).size, 1);
  });

  it('is not kept of a catalog that is too large for it, and says so once', async () => {
    const metadata = {
      noise: Array.from({ length: 3000 }, (_, index) => ((index * 7919) % 1_000_003).toString(36)).join(''),
    };
    const recorded = await start([aService('big', [anInstance('1', { metadata })])], { maxBytes: 8000 });
    await poll(() => recorded.history.status().write.state === 'too large');
    say(recorded, aService('other'));
    say(recorded, aService('another'));
    assert.equal(recorded.history.status().dropped >= 2, true);
    assert.equal(recorded.lines.filter(({ level }) => level >= 50).length, 1);
    assert.deepEqual(readdirSync(recordings.dir), []);
  });
});

function versionsOf(services: ReadonlyMap<string, CatalogService>): unknown {
  return [...services].map(([host, { version }]) => `${host} ${version}`).sort();
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
