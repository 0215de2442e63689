import assert from 'node:assert/strict';
import pino from 'pino';
import type { Consumer } from '../../../core/model/index.js';
import { AuditLog } from '../../../core/source/audit-log.js';
import type { AuditReport } from '../../../core/source/audit-report.js';
import { ConsumerTable } from '../../../core/source/consumer-table.js';
import { Notices } from '../../../core/source/notices.js';
import { deferred, systemClock } from '../../../core/time/index.js';

const aConsumer = (id: string): Consumer => ({ id, application: 'shop', address: '10.0.0.1', metadata: {} });

function aLog() {
  const lines: string[] = [];
  const logger = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return { lines, logger };
}

describe('what a source tells beside services', () => {
  it('notices whose text says something new are logged again, but not for other numbers, nor without end', () => {
    const { lines, logger } = aLog();
    const notices = new Notices(logger);
    notices.set('leases', '20 of 100 leases have run out', 0);
    notices.set('leases', '25 of 100 leases have run out', 1000);
    notices.set('leases', 'server b: 25 of 100 leases have run out', 2000);
    assert.deepEqual(lines.splice(0), ['20 of 100 leases have run out', 'server b: 25 of 100 leases have run out']);
    assert.equal(notices.list()[0]?.text, 'server b: 25 of 100 leases have run out');
    for (let atMs = 3000; atMs < 63_000; atMs += 100) {
      notices.set('leases', undefined, atMs);
      notices.set('leases', 'again', atMs + 50);
    }
    assert.equal(lines.at(-1), 'over');
    assert.ok(lines.length <= 8, `${lines.length} lines`);
    lines.length = 0;
    notices.set('leases', undefined, 200_000);
    notices.set('leases', 'and again', 200_001);
    assert.deepEqual(lines, ['and again']);
    for (let key = 0; key < 5000; key++) {
      notices.set(`${key}`, 'x', 0);
      notices.set(`${key}`, undefined, 0);
    }
  });

  it('notices are told once, and remember since when', () => {
    const { lines, logger } = aLog();
    const notices = new Notices(logger);
    notices.set('self-preservation', 'the server expires nobody', 1000);
    notices.set('self-preservation', 'the server expires nobody', 2000);
    notices.set('self-preservation', 'the server expires nobody, still', 3000);
    assert.deepEqual(notices.list(), [
      { key: 'self-preservation', text: 'the server expires nobody, still', sinceMs: 1000 },
    ]);
    notices.set('self-preservation', undefined, 4000);
    assert.deepEqual(notices.list(), []);
    assert.deepEqual(lines, ['the server expires nobody', 'the server expires nobody, still', 'over']);
  });

  it('notices have a bound', () => {
    const notices = new Notices(aLog().logger);
    for (let key = 0; key < 1000; key++) notices.set(String(key), 'x', 0);
    assert.equal(notices.list().length, 100);
  });

  it('consumers are a whole list a service, and have a bound', () => {
    const table = new ConsumerTable();
    table.set('orders', [aConsumer('1'), aConsumer('2')]);
    table.set('orders', [aConsumer('2')]);
    assert.equal(table.count, 1);
    table.set('orders', []);
    assert.equal(table.services.size, 0);
    table.set(
      'flood',
      Array.from({ length: 300_000 }, (_, index) => aConsumer(String(index))),
    );
    assert.equal(table.count, 200_000);
    table.set('late', [aConsumer('1')]);
    assert.equal(table.services.has('late'), false);
  });

  it('audits are counted, logged with what they found, and joined when one goes on', async () => {
    const { lines, logger } = aLog();
    const log = new AuditLog(logger);
    let runs = 0;
    const audit = async () => {
      runs++;
      return { compared: 5, differences: 1, found: [{ service: 'orders', detail: 'instance 1 was missed' }] };
    };
    const { signal } = new AbortController();
    await Promise.all([log.run(audit, systemClock, signal), log.run(audit, systemClock, signal)]);
    assert.equal(runs, 1);
    assert.equal(log.last?.audits, 1);
    assert.equal(log.last?.totalDifferences, 1);
    log.note({ compared: 5, differences: 0, found: [] }, 7);
    assert.equal(log.last?.atMs, 7);
    assert.equal(log.last?.differences, 0);
    assert.ok((log.last?.totalDifferences ?? 0) >= 1);
    assert.ok(lines.includes('the audit found a change that no watch had told of, and repaired it'));
    await assert.rejects(
      log.run(() => Promise.reject(new Error('away')), systemClock, signal),
      /away/,
    );
    await log.run(audit, systemClock, signal);
  });

  it('an audit that another waits for goes on when the first who asked is gone, and ends with the last', async () => {
    const { logger } = aLog();
    const log = new AuditLog(logger);
    let stopped: AbortSignal | undefined;
    const audit = (signal: AbortSignal) => {
      stopped = signal;
      return new Promise<AuditReport>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    };
    const [one, two] = [new AbortController(), new AbortController()];
    const first = log.run(audit, systemClock, one.signal);
    const second = log.run(audit, systemClock, two.signal);
    one.abort(new Error('gone'));
    await assert.rejects(first, /gone/);
    assert.equal(stopped?.aborted, false);
    two.abort(new Error('gone too'));
    await assert.rejects(second, /gone too/);
    assert.equal(stopped?.aborted, true);
  });

  it('an audit that nobody waits for any more is joined by nobody, however long it takes to end', async () => {
    const { logger } = aLog();
    const log = new AuditLog(logger);
    const stopped = deferred();
    const slow = async (signal: AbortSignal): Promise<AuditReport> => {
      await stopped.promise;
      signal.throwIfAborted();
      assert.fail('it was not stopped');
    };
    const gone = new AbortController();
    const first = log.run(slow, systemClock, gone.signal);
    gone.abort(new Error('gone'));
    await assert.rejects(first, /gone/);

    let runs = 0;
    const reported = deferred<AuditReport>();
    const audit = () => {
      runs++;
      return reported.promise;
    };
    const { signal } = new AbortController();
    const second = log.run(audit, systemClock, signal);
    stopped.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    // The end of the one before is not that of this one.
    const third = log.run(audit, systemClock, signal);
    reported.resolve({ compared: 1, differences: 0, found: [] });
    assert.deepEqual(await Promise.all([second, third]), Array(2).fill({ compared: 1, differences: 0, found: [] }));
    assert.deepEqual([runs, log.last?.audits], [1, 1]);
  });
});
