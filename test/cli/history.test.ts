import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTime } from '../../cli/output/parse-time.js';
import type { DiffList, HistoryList } from '../../core/api/resources.js';
import { Recorded } from '../core/history/recorded.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { anInstance, aService } from '../support/model.js';
import { runCli } from './run-cli.js';

const minuteMs = 60_000;

describe('isthmus history, diff and get --at', () => {
  let dir: string;
  let recorded: Recorded;
  let test: TestApi;
  /** Two hours ago, so that `-1h` is after all that happened. */
  const began = Date.now() - 120 * minuteMs;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-cli-history-'));
    const time = { nowMs: began };
    recorded = new Recorded(dir, time);
    recorded.catalog.apply('a', [['orders', aService('orders', [anInstance('1')])]]);
    await recorded.start();
    time.nowMs = began + 10 * minuteMs;
    const two = [anInstance('1', { health: 'unhealthy', weight: 50 }), anInstance('2', { address: '::1' })];
    recorded.catalog.apply('a', [['orders', aService('orders', two)]]);
    time.nowMs = began + 20 * minuteMs;
    recorded.catalog.apply('a', [['orders', undefined, { kind: 'operator', detail: 'released\nby anna' }]]);
    recorded.catalog.apply('a', [['pay', aService('pay')]]);
    test = await startApi({ history: recorded.history });
  });
  after(async () => {
    await test.api.stop();
    await recorded.stop();
    rmSync(dir, { recursive: true });
  });

  const run = (...args: string[]) => runCli(args, { env: { ISTHMUS_SERVER: test.url } });
  const columns = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {3,}/).slice(1).join(' | '));

  it('shows what happened', async () => {
    const { code, stdout, stderr } = await run('history', '--since', '-3h');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.deepEqual(columns(stdout), [
      'HOST | CHANGE | SOURCE | CAUSE | WHAT',
      '- | started | - | - | the daemon started, version 1.2.3',
      'orders.mesh | changed | a | registry | +[::1]:8080, ~10.0.0.1:8080 healthy → unhealthy weight 100 → 50',
      'orders.mesh | removed | a | operator: released\\u000aby anna | source a gone, -10.0.0.1:8080, -[::1]:8080, ports',
      'pay.mesh | added | a | registry | ports',
    ]);
    assert.match(stdout, /\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /);
  });

  it('narrows it by host and time, and says when there is more', async () => {
    const since = new Date(began + 5 * minuteMs).toISOString();
    const all = JSON.parse((await run('history', '*.mesh', '--since', since, '-o', 'json')).stdout) as HistoryList;
    assert.equal(all.items.length, 3);
    assert.equal(columns((await run('history', 'pay.*', '--since', since)).stdout).length, 2);
    const some = await run('history', '--since', since, '--limit', '2', '-o', 'name');
    assert.equal(some.stdout.split('\n').length, 3);
    assert.match(some.stderr, /There is more/);
    assert.deepEqual(await run('history'), { code: 0, stdout: '', stderr: 'No entries found.\n' });
  });

  it('shows what differs between two moments', async () => {
    const { code, stdout } = await run('diff', '--from', '-115m', '--to', '-105m');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^HOST +CHANGE +CAUSE +LAST +WHAT\norders\.mesh +changed +registry +1h\S* ago +\+\[::1\]:8080/,
    );
    const all = JSON.parse((await run('diff', '--from', '-115m', '-o', 'json')).stdout) as DiffList;
    assert.deepEqual(
      all.items.map(({ host, kind, entries }) => [host, kind, entries.length]),
      [
        ['orders.mesh', 'removed', 2],
        ['pay.mesh', 'added', 1],
      ],
    );
  });

  it('shows services and instances as they were', async () => {
    assert.equal((await run('get', 'services', '--at', '-115m', '-o', 'name')).stdout, 'orders.mesh\n');
    assert.equal((await run('get', 'services', '--at=-5m', '-o', 'name')).stdout, 'pay.mesh\n');
    const at = new Date(began + 15 * minuteMs).toISOString();
    const { stdout } = await run('get', 'instances', 'orders.mesh', '--at', at);
    assert.match(stdout, /unhealthy/);
    assert.equal(stdout.split('\n').length, 4);
  });

  it('says what is wrong', async () => {
    for (const [args, code, why] of [
      [['get', 'services', '--at', 'yesterday'], 2, /expected a time, as 14:05, -15m or 2026-03-01T14:05:00Z/],
      [['get', 'services', '--at', '-3h'], 4, /404: the history begins at/],
      [['get', 'services', '--at', '-1m', '--watch'], 2, /cannot be used with/],
      [['diff'], 2, /--from/],
      [['diff', '--from', '-1h', '--to', '-2h'], 1, /400: from is to be before to/],
      [['history', '--limit', '0'], 2, /expected a whole number from 1 to/],
    ] as const) {
      const { code: got, stderr } = await run(...args);
      assert.equal(got, code, stderr);
      assert.match(stderr, why);
    }
  });
});

describe('a time on the command line', () => {
  it('is of the past', () => {
    const now = Date.now();
    assert.ok(Math.abs(parseTime('-15m') - (now - 15 * minuteMs)) < 5000);
    const early = parseTime('00:00');
    assert.ok(early <= Date.now() && Date.now() - early <= 25 * 60 * minuteMs);
    assert.deepEqual([new Date(early).getHours(), new Date(early).getMinutes()], [0, 0]);
    const late = parseTime('23:59:59');
    assert.ok(late <= Date.now() + 1000 && Date.now() - late <= 25 * 60 * minuteMs);
    assert.equal(parseTime('2026-03-01T14:05:00Z'), Date.UTC(2026, 2, 1, 14, 5));
    assert.equal(parseTime('2026-03-01T14:05:00+02:00'), Date.UTC(2026, 2, 1, 12, 5));
  });

  it('is refused when it is none', () => {
    for (const text of [
      '',
      '24:00',
      '14:60',
      '-15',
      '-',
      '--1m',
      '1e3',
      'NaN',
      '2026-03-01',
      '10000-01-01T00:00:00Z',
    ]) {
      assert.throws(() => parseTime(text), text);
    }
  });
});
