import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiffList, HistoryList, InstanceResource, Page, ServiceResource } from '../../../core/api/resources.js';
import { isChange } from '../../../core/history/entry.js';
import { Recorded } from '../../core/history/recorded.js';
import { http } from '../../support/http.js';
import { anInstance, aService } from '../../support/model.js';
import { startApi, type TestApi } from './api.js';

const began = Date.parse('2026-03-01T12:00:00Z');
const minuteMs = 60_000;

describe('the past in the API', () => {
  let dir: string;
  let recorded: Recorded;
  let test: TestApi;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-past-'));
    const time = { nowMs: began };
    recorded = new Recorded(dir, time);
    const services = Array.from({ length: 12 }, (_, index) => aService(`s${index}`, [anInstance('1')]));
    recorded.catalog.apply(
      'a',
      services.map((service) => [service.name, service]),
    );
    await recorded.start();
    time.nowMs = began + minuteMs;
    recorded.catalog.apply('a', [['orders', aService('orders', [anInstance('1'), anInstance('2')])]]);
    time.nowMs = began + 2 * minuteMs;
    recorded.catalog.apply('a', [
      ['orders', aService('orders', [anInstance('2', { health: 'unhealthy' })])],
      ['s3', undefined],
    ]);
    test = await startApi({ history: recorded.history });
  });
  after(async () => {
    await test.api.stop();
    await recorded.stop();
    rmSync(dir, { recursive: true });
  });

  const timeAt = (minutes: number) => new Date(began + minutes * minuteMs).toISOString();
  async function get<T>(path: string): Promise<T> {
    const { status, body } = await http(`${test.url}/api/v1/${path}`);
    assert.equal(status, 200, body);
    return JSON.parse(body) as T;
  }
  async function refused(path: string): Promise<{ status: number; detail: string }> {
    const { status, body } = await http(`${test.url}/api/v1/${path}`);
    return { status, detail: (JSON.parse(body) as { detail: string }).detail };
  }

  it('lists services and instances as they were, in pages', async () => {
    const now = await get<Page<ServiceResource>>(`services?at=${timeAt(2)}&limit=1000`);
    assert.equal(now.items.length, 12);
    assert.equal(now.atMs, began + 2 * minuteMs);
    const before = await get<Page<InstanceResource>>(`instances?at=${timeAt(1.5)}&host=orders.*`);
    assert.deepEqual(
      before.items.map(({ id, health }) => `${id} ${health}`),
      ['1 healthy', '2 healthy'],
    );
    const hosts: string[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      const page: Page<ServiceResource> = await get(`services?at=${timeAt(0)}&limit=5${next && `&continue=${next}`}`);
      hosts.push(...page.items.map(({ host }) => host));
      next = page.continue;
    }
    assert.equal(new Set(hosts).size, 12);
    assert.ok(!hosts.includes('orders.mesh'));
  });

  it('tells what happened, in pages', async () => {
    const all = await get<HistoryList>(`history?from=${timeAt(0)}&to=${timeAt(5)}`);
    const told = all.items.map((entry) => `${entry.kind} ${isChange(entry) ? entry.host : ''}`);
    assert.deepEqual(told, ['started ', 'added orders.mesh', 'changed orders.mesh', 'removed s3.mesh']);
    const first = await get<HistoryList>(`history?from=${timeAt(0)}&to=${timeAt(5)}&limit=3`);
    const rest = await get<HistoryList>(`history?from=${timeAt(0)}&to=${timeAt(5)}&limit=3&continue=${first.continue}`);
    assert.deepEqual([...first.items, ...rest.items], all.items);
    assert.equal(rest.continue, undefined);
    const one = await get<HistoryList>(`history?from=${timeAt(1)}&to=${timeAt(5)}&host=S3.*`);
    assert.equal(one.items.length, 1);
    assert.deepEqual((await get<HistoryList>('history')).items, []);
  });

  it('tells what differs between two moments', async () => {
    const { items } = await get<DiffList>(`diff?from=${timeAt(0.5)}&to=${timeAt(1.5)}`);
    assert.deepEqual(
      items.map(({ host, kind }) => [host, kind]),
      [['orders.mesh', 'added']],
    );
    const page = await get<DiffList>(`diff?from=${timeAt(0)}&limit=1`);
    assert.equal(page.items[0]?.host, 'orders.mesh');
    const next = await get<DiffList>(`diff?from=${timeAt(0)}&limit=1&continue=${page.continue}`);
    assert.deepEqual([next.items[0]?.host, next.continue], ['s3.mesh', undefined]);
  });

  it('refuses what is no time of the past', async () => {
    for (const time of [
      '',
      'NaN',
      '1e999',
      '-1',
      '0',
      '1700000000000',
      '14:05',
      '2026-03-01',
      '2026-03-01T12:00:00',
      '2026-02-30T12:00:00Z',
      '2026-13-01T12:00:00Z',
      '2026-03-01T24:00:00Z',
      '2026-03-01T12:00:60Z',
      '1969-12-31T23:59:59Z',
      '-2026-03-01T12:00:00Z',
      '10000-01-01T00:00:00Z',
      '%2B010000-01-01T00:00:00Z',
      '2026-03-01T12:00:00+01:00', // the + of a URL is a space
      '2026-03-01T12:00:00Z%00',
      '2026-03-01T12:00:00.0000000000Z',
      `2026-03-01T12:00:00.${'0'.repeat(5000)}Z`,
      'constructor',
    ]) {
      for (const path of [`services?at=${time}`, `instances?at=${time}`, `history?from=${time}`, `diff?from=${time}`]) {
        const { status, detail } = await refused(path);
        assert.equal(status, 400, path);
        assert.match(detail, /is to be a time as 2026-03-01T14:05:00Z/, path);
      }
    }
    assert.equal((await http(`${test.url}/api/v1/services?at=2026-03-01T14:30:00%2B02:00`)).status, 200);
  });

  it('refuses what makes no sense, and says why', async () => {
    const cases: readonly (readonly [string, number, RegExp])[] = [
      ['services?at=9999-12-31T23:59:59Z', 400, /in the future/],
      ['diff?from=9999-12-31T23:59:59Z', 400, /from is to be before to/],
      [`diff?from=${timeAt(2)}&to=${timeAt(1)}`, 400, /from is to be before to/],
      ['diff', 400, /from is needed/],
      [`services?at=${timeAt(-1)}`, 404, /the history begins at 2026-03-01T12:00:00\.000Z/],
      [`diff?from=${timeAt(-1)}`, 404, /the history begins at/],
      [`services?at=${timeAt(1)}&limit=0`, 400, /limit/],
      [`services?at=${timeAt(1)}&bogus=1`, 400, /unknown parameter/],
      [`services?at=${timeAt(1)}&watch=true`, 400, /unknown parameter/],
      [`services?at=${timeAt(1)}&at=${timeAt(1)}`, 400, /more than once/],
      [`history?from=${timeAt(0)}&limit=1001`, 400, /limit/],
      [`history?from=${timeAt(0)}&continue=x`, 400, /continue/],
      [`history?from=${timeAt(0)}&continue=1.2`, 400, /continue/],
      [`history?from=${timeAt(0)}&continue=99999999999.1.1`, 400, /continue/],
      [`diff?from=${timeAt(0)}&continue=%ff`, 400, /continue/],
      [`history?host=${'x'.repeat(600)}`, 400, /too long/],
    ];
    for (const [path, expected, why] of cases) {
      const { status, detail } = await refused(path);
      assert.equal(status, expected, path);
      assert.match(detail, why, path);
    }
  });

  it('says so when no history is kept', async () => {
    const without = await startApi();
    try {
      for (const path of [`services?at=${timeAt(1)}`, 'history', `diff?from=${timeAt(1)}`]) {
        const { status, body } = await http(`${without.url}/api/v1/${path}`);
        assert.equal(status, 404);
        assert.match(body, /no history is kept/);
      }
    } finally {
      await without.api.stop();
    }
  });

  it('answers a few at a time, and refuses when too many wait', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => http(`${test.url}/api/v1/history?from=${timeAt(0)}&limit=${index + 1}`)),
    );
    const counts = new Map<number, number>();
    for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
    assert.deepEqual(
      [...counts.keys()].filter((status) => status !== 200 && status !== 503),
      [],
    );
    assert.ok((counts.get(200) ?? 0) >= 10);
  });
});
