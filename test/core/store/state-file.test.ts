import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { StateFile } from '../../../core/store/state-file.js';
import { systemClock } from '../../../core/time/index.js';
import { poll } from '../../support/poll.js';

const writer = fileURLToPath(new URL('state-writer-process.ts', import.meta.url));

describe('a file of small state', () => {
  let dir: string;
  let state: readonly string[];
  let lines: { readonly msg: string; readonly level: number }[];
  const running: { readonly stop: AbortController; readonly done: Promise<void> }[] = [];
  const none = new AbortController().signal;
  const path = () => join(dir, 'folder', 'state.log');

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-state-'));
    state = [];
    lines = [];
  });
  afterEach(async () => {
    await stopAll();
    rmSync(dir, { recursive: true });
  });

  function make(snapshot = () => state): StateFile {
    const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    return new StateFile({ path: path(), kind: 'test-1', what: 'the state', snapshot, clock: systemClock, logger });
  }
  function start(snapshot?: () => readonly string[]): StateFile {
    const file = make(snapshot);
    const stop = new AbortController();
    running.push({ stop, done: file.run(stop.signal) });
    return file;
  }
  async function stopAll(): Promise<void> {
    for (const { stop, done } of running.splice(0)) {
      stop.abort();
      await done;
    }
  }
  async function written(texts: readonly string[]): Promise<void> {
    state = texts;
    start().changed();
    await stopAll();
  }

  it('gives back what was written last, and has nothing at first', async () => {
    assert.deepEqual(await make().load(none), []);
    await written(['one', 'two']);
    await written(['ключ', 'x'.repeat(300_000)]);
    assert.deepEqual(await make().load(none), state);
    assert.deepEqual(readdirSync(join(dir, 'folder')), ['state.log']);
    assert.deepEqual(lines, []);
    await written([]);
    assert.deepEqual(await make().load(none), []);
  });

  it('is written for many changes at once, in the background', async () => {
    let snapshots = 0;
    const file = start(() => {
      snapshots++;
      return state;
    });
    state = ['a'];
    for (let count = 0; count < 1000; count++) file.changed();
    assert.equal(snapshots, 0);
    await stopAll();
    assert.ok(snapshots <= 2, `it was written ${snapshots} times`);
    assert.deepEqual(await make().load(none), ['a']);
  });

  it('is set aside with a warning wherever it is cut or changed, and written anew', async () => {
    await written(['one', 'two', 'three']);
    const whole = readFileSync(path());
    for (let at = 0; at < whole.length; at++) {
      for (const bytes of [whole.subarray(0, at), changedAt(whole, at)]) {
        writeFileSync(path(), bytes);
        lines = [];
        assert.deepEqual(await make().load(none), []);
        assert.deepEqual(
          lines.map(({ msg }) => msg),
          ['the file is damaged or not ours; it was set aside'],
        );
        assert.equal(existsSync(path()), false);
      }
    }
    assert.ok(readdirSync(join(dir, 'folder')).length <= 3, 'a few are kept');
    await written(['four']);
    assert.deepEqual(await make().load(none), ['four']);
  });

  it('is as if it were not there when it can not be read', async () => {
    mkdirSync(path(), { recursive: true });
    assert.deepEqual(await make().load(none), []);
    assert.equal(lines.length, 1);
    await assert.rejects(make().load(AbortSignal.abort(new Error('enough'))), /enough/);
  });

  it('is a status and a retry when it can not be written, told once', async () => {
    writeFileSync(join(dir, 'folder'), 'in the way');
    state = ['kept'];
    const file = start();
    file.changed();
    await poll(() => file.state.state === 'failing');
    rmSync(join(dir, 'folder'));
    await poll(() => file.state.state === 'writing', { timeoutMs: 30_000 });
    assert.deepEqual(await make().load(none), ['kept']);
    assert.deepEqual(
      lines.map(({ level }) => level),
      [50, 30],
    );
  });

  it('is whole whenever its writer is killed', async function () {
    this.timeout(120_000);
    mkdirSync(join(dir, 'folder'));
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--import', 'tsx', writer, join(dir, 'folder')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(child, 'close');
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      try {
        await poll(() => output.split('\n').length > 5, { timeoutMs: 60_000 });
        await poll(() => existsSync(path()), { timeoutMs: 60_000 });
        await delay(23 * round);
      } finally {
        child.kill('SIGKILL');
        await closed;
      }
      const texts = await make().load(none);
      assert.equal(texts.length, 40);
      assert.equal(new Set(texts.map((text) => text.split(' ')[0])).size, 1, 'of one state');
      assert.deepEqual(lines, []);
    }
  });
});

function changedAt(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8((bytes.readUInt8(at) + 1) % 256, at);
  return changed;
}
