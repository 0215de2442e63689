import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { poll } from '../../support/poll.js';
import { isGone } from '../assert-gone.js';
import type { Artefact } from './artefact.js';
import { buildArtefact } from './build-artefact.js';
import { acquireLock, tryLock } from './lock.js';
import { inputHash, readStamp } from './stamp.js';

describe('the cache of test servers', function () {
  this.timeout(30_000);
  let dir: string;
  let sourceDir: string;
  let cacheDir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-build-'));
    sourceDir = join(dir, 'source');
    cacheDir = join(dir, 'cache');
    mkdirSync(join(sourceDir, 'thing'), { recursive: true });
    writeFileSync(join(sourceDir, 'thing', 'input'), 'one');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const shell = (command: string): Artefact => ({
    name: 'thing',
    version: '1',
    lane: 'go',
    inputs: ['thing'],
    recipe: 'sh',
    build: ({ outDir, run }) => run('sh', ['-c', command], { cwd: outDir }),
  });
  const build = (artefact: Artefact, signal = new AbortController().signal) =>
    buildArtefact(artefact, { sourceDir, cacheDir, signal });

  it('stamps what was built with the hash of its inputs', async () => {
    const artefact = shell('echo built > out');
    await build(artefact);
    assert.equal(readFileSync(join(cacheDir, 'thing', 'out'), 'utf8'), 'built\n');
    assert.equal(readStamp(join(cacheDir, 'thing')), inputHash(artefact, sourceDir));
    writeFileSync(join(sourceDir, 'thing', 'input'), 'two');
    assert.notEqual(readStamp(join(cacheDir, 'thing')), inputHash(artefact, sourceDir));
  });

  it('keeps the last good artefact, tells the end of the output and keeps the log when a build fails', async () => {
    await build(shell('echo good > out'));
    const before = readStamp(join(cacheDir, 'thing'));
    const failure = build(shell('echo half > out; echo missing symbol >&2; exit 7'));
    await assert.rejects(failure, /exit code 7\n[\s\S]*missing symbol\nfull log: .*thing\.log/);
    assert.equal(readFileSync(join(cacheDir, 'thing', 'out'), 'utf8'), 'good\n');
    assert.equal(readStamp(join(cacheDir, 'thing')), before);
    assert.match(readFileSync(join(cacheDir, 'logs', 'thing.log'), 'utf8'), /missing symbol/);
  });

  it('leaves nothing that looks finished when a build is aborted', async () => {
    const pidFile = join(dir, 'pid');
    // The shell's child is what would go on.
    const slow = shell(`echo half > out; sh -c 'echo $$ > ${pidFile}; exec sleep 20'; true`);
    const aborted = new AbortController();
    const failure = assert.rejects(build(slow, aborted.signal), /stopped/);
    const pid = await poll(() => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')));
    aborted.abort(new Error('stopped'));
    await failure;
    await poll(() => isGone(pid), { timeoutMs: 5000 });
    assert.equal(readStamp(join(cacheDir, 'thing')), undefined);
    assert.ok(!existsSync(join(cacheDir, 'thing')));
  });

  it('is locked by one process at a time, and not by a dead one', async () => {
    const path = join(dir, 'lock');
    const release = await acquireLock(path, { timeoutMs: 1000 });
    assert.equal(tryLock(path), process.pid);
    await assert.rejects(acquireLock(path, { timeoutMs: 300 }), /still held by process/);
    const waiting = acquireLock(path, { timeoutMs: 5000 });
    await delay(50);
    release();
    (await waiting)();
    const { stdout: deadPid } = await execa(process.execPath, ['-p', 'process.pid']);
    writeFileSync(path, deadPid);
    assert.equal(tryLock(path), undefined);
    writeFileSync(path, 'not a pid');
    assert.equal(tryLock(path), undefined);
  });

  it('says which tools are missing and where to get them', async () => {
    const script = fileURLToPath(new URL('../fetch.ts', import.meta.url));
    const result = await execa(process.execPath, ['--import', 'tsx', script], {
      reject: false,
      env: { PATH: join(dir, 'empty'), ISTHMUS_SERVERS_CACHE: cacheDir },
    });
    assert.equal(result.exitCode, 1);
    for (const tool of ['java', 'javac', 'mvn', 'go', 'python3']) {
      assert.match(result.stderr, new RegExp(`- ${tool} >= [\\d.]+ is not installed: install `));
    }
  });
});
