import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interner } from '../../../core/store/interner.js';
import { LogFile } from '../../../core/store/log-file.js';
import { readLog } from '../../../core/store/read-log.js';
import { deferred } from '../../../core/time/index.js';
import { markOf, SourceLog } from '../../../core/warm/source-log.js';
import { SourceReplay } from '../../../core/warm/source-records.js';
import { anInstance, aService } from '../../support/model.js';

const kind = 'catalog-1/nacos';

describe('the log of a source', () => {
  const { commit } = LogFile.prototype;
  let dir: string;
  let path: string;
  let log: SourceLog;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-warm-'));
    path = join(dir, 'nacos.log');
    log = new SourceLog(path, kind);
    for (const name of ['a', 'b']) log.put(aService(name, [anInstance('1')]));
    log.setTrust({ confirmedMs: 1, degraded: [], holds: [], freezes: [] });
    await log.write();
  });
  afterEach(async () => {
    LogFile.prototype.commit = commit;
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function namesOnDisk(): Promise<readonly string[]> {
    const replay = new SourceReplay(new Interner());
    const { signal } = new AbortController();
    for await (const batch of readLog(path, { kind, maxBytes: 1e6, signal })) {
      for (const payload of batch) replay.take(payload);
    }
    return [...replay.services()].map(({ service }) => service.name).sort();
  }
  const full = async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  };
  async function failingSyncs(act: () => Promise<void>): Promise<void> {
    const handle = await open(path);
    const files = Object.getPrototypeOf(handle) as { datasync: () => Promise<void> };
    await handle.close();
    const { datasync } = files;
    files.datasync = full;
    await act().finally(() => Object.assign(files, { datasync }));
  }
  /** Writes, and comes back when the batch is under way. @returns what lets it end, as `outcome` does */
  async function beginWrite(outcome: (this: LogFile) => Promise<void>): Promise<() => Promise<void>> {
    const [reached, held] = [deferred(), deferred()];
    LogFile.prototype.commit = async function (this: LogFile) {
      LogFile.prototype.commit = commit;
      reached.resolve();
      await held.promise;
      await outcome.call(this);
    };
    const writing = log.write();
    writing.catch(() => undefined); // told to who lets it end
    await reached.promise;
    return () => {
      held.resolve();
      return writing;
    };
  }

  it('keeps nothing of services that came and went while the disk was full, and loses nothing', async () => {
    LogFile.prototype.commit = full;
    log.remove('a');
    for (let round = 0; round < 20; round++) {
      log.put(aService(`passing-${round}`, [anInstance('1')]));
      await assert.rejects(log.write(), /ENOSPC/);
      log.remove(`passing-${round}`);
      assert.equal(log.waiting, 1, 'the removal of what is on disk');
    }
    log.put(aService('c'));
    LogFile.prototype.commit = commit;
    await log.write();
    assert.deepEqual(await namesOnDisk(), ['b', 'c']);
    log.put(aService('a'));
    await log.write();
    assert.deepEqual(await namesOnDisk(), ['a', 'b', 'c']);
  });

  it('has work after a failed write though what was to be written is gone', async () => {
    LogFile.prototype.commit = full;
    log.put(aService('passing'));
    await assert.rejects(log.write(), /ENOSPC/);
    log.remove('passing');
    assert.deepEqual([log.waiting, log.hasWork], [0, true]);
    LogFile.prototype.commit = commit;
    await log.write();
    assert.equal(log.hasWork, false);
  });

  it('begins a new file after a sync that failed, and is not believed until then', async () => {
    const before = statSync(path).ino;
    log.put(aService('c'));
    await log.write();
    await failingSyncs(() => assert.rejects(log.sync(), /ENOSPC/));
    assert.deepEqual([existsSync(markOf(path)), log.hasWork], [false, true]);
    await log.write();
    assert.notEqual(statSync(path).ino, before);
    assert.equal(existsSync(markOf(path)), true);
    assert.deepEqual(await namesOnDisk(), ['a', 'b', 'c']);
    await failingSyncs(async () => {
      await log.sync(); // the new one is synced
      log.put(aService('d'));
      await log.write();
      await assert.rejects(log.sync(), /ENOSPC/);
    });
  });

  it('removes what went while it was being written', async () => {
    log.put(aService('passing', [anInstance('1')]));
    const end = await beginWrite(commit);
    log.remove('passing');
    await end();
    assert.deepEqual(await namesOnDisk(), ['a', 'b', 'passing']);
    await log.write();
    assert.deepEqual(await namesOnDisk(), ['a', 'b']);
    log.remove('passing');
    assert.equal(log.waiting, 0, 'nothing is being written any more');
  });

  it('keeps nothing of what went while it was not written after all, and the newest of what did not', async () => {
    log.put(aService('passing', [anInstance('1')]));
    log.remove('a');
    log.remove('b');
    const end = await beginWrite(full);
    log.remove('passing');
    log.put(aService('a', [anInstance('2')]));
    await assert.rejects(end(), /ENOSPC/);
    assert.equal(log.waiting, 2);
    await log.write();
    assert.deepEqual(await namesOnDisk(), ['a']);
  });
});
