import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { activeResources, assertNoLeaks } from '../../testkit/index.js';
import { poll } from '../support/poll.js';
import { assertGone, isGone } from './assert-gone.js';
import { type ServerSpec, startServer } from './process.js';

/** A server that is a few lines of JavaScript; ready when it has written "up". */
function script(source: string, extra: Partial<ServerSpec> = {}): ServerSpec {
  return {
    name: 'script',
    command: () => ({ command: process.execPath, args: ['-e', source] }),
    ready: async (_signal, output) => output().includes('up'),
    ...extra,
  };
}

const IDLE = 'console.log("up"); setInterval(() => {}, 1000);';

describe('a server process', function () {
  this.timeout(60_000);

  it('starts, restarts with or without its data, and stops with nothing left open', async () => {
    await (await startServer(script(IDLE))).stop();
    const before = await activeResources();
    const server = await startServer(script(IDLE));
    const first = server.pid;
    const file = join(server.dataDir, 'kept');
    writeFileSync(file, '');
    await server.restart();
    assertGone(first);
    assert.ok(existsSync(file));
    const second = server.pid;
    await server.restart({ keepData: false });
    assertGone(second);
    assert.ok(!existsSync(file));
    const third = server.pid;
    await server.stop();
    assertGone(third);
    assert.equal(server.pid, undefined);
    await server.stop();
    await assertNoLeaks(before);
  });

  it('fails at once, with the end of its log, when it ends before it is ready', async () => {
    const broken = script('console.error("no such table"); process.exit(3)', { readyTimeoutMs: 30_000 });
    await assert.rejects(startServer(broken), /ended before it was ready \(code 3\)\nno such table/);
  });

  it('fails when the command is not there', async () => {
    const absent = { ...script(''), command: () => ({ command: '/no/such/binary', args: [] }) };
    await assert.rejects(startServer(absent), /ENOENT/);
  });

  it('is killed when it is not ready in time or the start is aborted', async () => {
    let pid = 0;
    const never: Partial<ServerSpec> = {
      readyTimeoutMs: 1000,
      ready: async (_signal, output) => {
        pid = Number(/pid (\d+)/.exec(output())?.[1] ?? 0);
        return false;
      },
    };
    const source = 'console.log("pid " + process.pid); setInterval(() => {}, 1000);';
    await assert.rejects(startServer(script(source, never)), /timed out after 1000 ms/);
    assertGone(pid);
    const slow = script(source, { ...never, readyTimeoutMs: 30_000 });
    await assert.rejects(startServer(slow, { signal: AbortSignal.timeout(1000) }), /did not start/);
    assertGone(pid);
  });

  it('is killed when it does not heed SIGTERM', async () => {
    const stubborn = script(`process.on('SIGTERM', () => {}); ${IDLE}`, { stopTimeoutMs: 300 });
    const server = await startServer(stubborn);
    const { pid } = server;
    await server.stop();
    assertGone(pid);
  });

  it('takes what it needs beside it up and down', async () => {
    const calls: string[] = [];
    const setUp = async () => void calls.push('up');
    const tearDown = async () => void calls.push('down');
    const server = await startServer(script(IDLE, { setUp, tearDown }));
    await server.restart();
    await server.kill();
    assert.deepEqual(calls, ['up', 'down', 'up', 'down']);
    await assert.rejects(startServer(script('process.exit(1)', { setUp, tearDown })));
    assert.deepEqual(calls.slice(4), ['up', 'down']);
  });

  for (const how of ['SIGKILL', 'SIGTERM', 'exit', 'crash'] as const) {
    it(`does not outlive its parent, which ends by ${how}`, async () => {
      const parent = spawn(
        process.execPath,
        ['--import', 'tsx', fileURLToPath(new URL('process-parent.ts', import.meta.url)), how],
        { stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const { pid, dataDir } = JSON.parse(await text(parent.stdout)) as { pid: number; dataDir: string };
      await poll(() => isGone(pid), { timeoutMs: 10_000, what: 'the orphan to be killed' });
      await poll(() => !existsSync(dirname(dataDir)), { timeoutMs: 10_000, what: 'its folder to be removed' });
    });
  }
});
