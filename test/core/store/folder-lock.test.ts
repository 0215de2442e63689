import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderHeldError, FolderLock } from '../../../core/store/folder-lock.js';
import { type Clock, systemClock } from '../../../core/time/index.js';
import { poll } from '../../support/poll.js';

describe('the lock of a folder', () => {
  let dir: string;
  let stop: AbortController;
  const file = () => join(dir, 'lock');
  const take = (clock: Clock = systemClock, onLost?: () => void) =>
    FolderLock.take({ dir, clock, ...(onLost ? { onLost } : {}) });

  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), 'isthmus-lock-')), 'data');
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    rmSync(dir, { recursive: true, force: true });
  });

  it('is held by one, and let go', async () => {
    const holding = (await take()).hold(stop.signal);
    await assert.rejects(take(), (error: Error) => {
      assert.ok(error instanceof FolderHeldError);
      assert.match(error.message, new RegExp(`^the process ${process.pid} uses the folder .*data; each daemon needs`));
      return true;
    });
    assert.equal(statSync(file()).mode & 0o777, 0o600);
    assert.equal(statSync(dir).mode & 0o777, 0o700);
    stop.abort();
    await holding;
    await take();
  });

  it('is taken from a process that was killed, also when its id is in use again', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    await take();
    const own = JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>;
    writeFileSync(file(), JSON.stringify({ ...own, pid: child.pid, startedAt: 'long ago' }));
    await take(); // another process has the id now
    const startedAt = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
    writeFileSync(file(), JSON.stringify({ ...own, pid: child.pid, startedAt }));
    await assert.rejects(take(), FolderHeldError);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await take();
  });

  it('is taken from another machine only when that was silent for long', async () => {
    await take();
    const own = JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>;
    const now = Date.now();
    for (const text of [JSON.stringify({ ...own, space: 'elsewhere' }), 'no lock of ours', '{}', '']) {
      writeFileSync(file(), text);
      utimesSync(file(), now / 1000, now / 1000);
      await assert.rejects(take(), /a process on another machine or in another container uses the folder/);
      utimesSync(file(), now / 1000 - 60, now / 1000 - 60);
      await take();
    }
  });

  it('is given to one of many that find it dead', async () => {
    await take();
    const own = JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>;
    writeFileSync(file(), JSON.stringify({ ...own, startedAt: 'long ago' }));
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => take()));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('tells its holder when it was taken away, and stays with the new one', async () => {
    const quick: Clock = { now: Date.now, sleep: (_ms, signal) => systemClock.sleep(5, signal) };
    let lost = false;
    const holding = (
      await take(quick, () => {
        lost = true;
      })
    ).hold(stop.signal);
    await poll(() => Math.abs(Date.now() - statSync(file()).mtimeMs) < 5000);
    writeFileSync(file(), 'of another');
    await holding;
    assert.ok(lost);
    assert.equal(readFileSync(file(), 'utf8'), 'of another');
  });
});
