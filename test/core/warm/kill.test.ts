import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { systemClock } from '../../../core/time/index.js';
import { DiskWarmStore } from '../../../core/warm/disk-warm-store.js';
import { allowWrites, refuseWrites } from '../../support/file-limit.js';
import { poll } from '../../support/poll.js';
import { stateAfter } from './generation.js';

const writer = fileURLToPath(new URL('writer-process.ts', import.meta.url));
const kills = 12;

describe('the warm start’s files, when the daemon is killed', () => {
  it(`have all that was said to be on disk, and nothing by half, ${kills} times`, async function () {
    this.timeout(180_000);
    const dir = mkdtempSync(join(tmpdir(), 'isthmus-kill-'));
    try {
      let last = 0;
      const files = new Set<number>();
      for (let round = 0; round < kills; round++) {
        const acknowledged = await writeAndKill(dir, last + 1, 20 + 37 * round);
        // A generation that one source has and the other has not is written to both again.
        last = Number.MAX_SAFE_INTEGER;
        const warnings: string[] = [];
        const store = new DiskWarmStore({
          dir,
          maxAgeMs: Number.MAX_SAFE_INTEGER,
          maxBytes: 1024 ** 3,
          clock: systemClock,
          logger: pino({ base: null }, { write: (line: string) => void warnings.push(line) }),
        });
        const stored = await store.load(new AbortController().signal, new Set(['a', 'b']));
        for (const source of ['a', 'b']) {
          const found = stored.get(source);
          assert.ok(found, `${source} is there; ${warnings.join('')}`);
          const reached = found.trust.confirmedMs;
          assert.ok(reached >= acknowledged, `${source} has ${reached}, ${acknowledged} was on disk`);
          const services = new Map(found.services.map((service) => [service.name, service]));
          assert.deepEqual(plain([...services].sort()), plain([...stateAfter(reached)].sort()));
          last = Math.min(last, reached);
        }
        files.add(statSync(join(dir, 'a.log')).ino);
        assert.ok(!warnings.some((line) => line.includes('damaged')), warnings.join(''));
      }
      assert.ok(files.size > 1, 'the log was written anew now and then');
      assert.deepEqual(readdirSync(dir).sort(), ['a.log', 'a.log.current', 'b.log', 'b.log.current']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('the warm start’s files, when nothing can be written', () => {
  it('are not taken for what was published last, until they are', async function () {
    this.timeout(120_000);
    const dir = mkdtempSync(join(tmpdir(), 'isthmus-full-'));
    try {
      await writeAndKill(dir, 1, 20);
      const ages = async () => {
        const store = new DiskWarmStore({
          ...{ dir, maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 1024 ** 3 },
          ...{ clock: systemClock, logger: pino({ level: 'silent' }) },
        });
        const stored = await store.load(new AbortController().signal, new Set(['a', 'b']));
        return ['a', 'b'].map((source) => stored.get(source)?.isOlder === true);
      };
      assert.deepEqual(await ages(), [false, false]);
      await writeAndKill(dir, 1000, 0, async (pid) => {
        await refuseWrites(pid);
        await poll(() => !existsSync(join(dir, 'a.log.current')) && !existsSync(join(dir, 'b.log.current')));
      });
      assert.deepEqual(await ages(), [true, true]);
      await writeAndKill(dir, 2000, 0, async (pid) => {
        await refuseWrites(pid);
        await allowWrites(pid);
        await poll(() => existsSync(join(dir, 'a.log.current')) && existsSync(join(dir, 'b.log.current')));
      });
      assert.deepEqual(await ages(), [false, false]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

/** @returns the last generation that the writer said was on disk */
async function writeAndKill(
  dir: string,
  first: number,
  afterMs: number,
  meanwhile: (pid: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', writer, dir, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(child, 'close');
  try {
    await poll(() => output.includes('\n'), { what: 'the first generation', timeoutMs: 60_000, intervalMs: 5 });
    await delay(afterMs);
    await meanwhile(child.pid ?? 0);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
  return Number(output.trimEnd().split('\n').at(-1));
}

/** Without the difference between objects with and without a prototype. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
