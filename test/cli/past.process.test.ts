import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HistoryList } from '../../core/api/resources.js';
import { isChange } from '../../core/history/entry.js';
import { http } from '../support/http.js';
import { isthmusCommand } from '../support/isthmus-command.js';
import { poll } from '../support/poll.js';
import { runCli } from './run-cli.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the past of a real daemon', function () {
  this.timeout(240_000);
  let folder: string;
  let daemon: { readonly child: ChildProcess; readonly ended: Promise<unknown>; readonly url: string } | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-past-process-'));
  });
  afterEach(async () => {
    await end('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  async function start(config = ''): Promise<void> {
    const file = join(folder, 'isthmus.yaml');
    writeFileSync(
      file,
      `site: test\napi: { listen: 127.0.0.1:0 }\ndata: ${join(folder, 'data')}\n${config}` +
        'sources: [{ name: local, kind: api }]\n',
    );
    const [command, ...args] = isthmusCommand;
    const child = spawn(command, [...args, 'run', '--config', file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const ended = once(child, 'close');
    const url = await poll(() => /api +(http:\/\/127\.0\.0\.1:\d+)\n/.exec(out)?.[1], {
      what: 'the daemon to be up',
      timeoutMs: 90_000,
    }).catch((error: unknown) => {
      throw new Error(`the daemon did not come up: ${err}`, { cause: error });
    });
    daemon = { child, ended, url };
    await poll(async () => (await http(`${url}/readyz`)).status === 200, { what: 'the daemon to be ready' });
  }
  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    daemon?.child.kill(signal);
    await daemon?.ended;
    daemon = undefined;
  }
  async function put(id: string, address: string): Promise<void> {
    const { status, body } = await http(`${daemon?.url}/api/v1/registry/local/services/orders/instances/${id}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address, port: 8080 }),
    });
    assert.ok(status === 200 || status === 201, body);
  }
  const isthmus = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(args, { env: { ISTHMUS_SERVER: daemon?.url ?? '' } });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const idsAt = async (atMs: number) =>
    (await isthmus('get', 'instances', '--at', new Date(atMs).toISOString(), '-o', 'name')).trimEnd().split('\n');
  const addressesNow = () => isthmus('get', 'instances', '-o', 'json');
  const entries = async () =>
    (JSON.parse(await isthmus('history', '--since', '-30m', '-o', 'json')) as HistoryList).items;
  /** Waits until what came is recorded, and so on disk, whatever comes. @returns a moment after it */
  async function recorded(address: string): Promise<number> {
    const isThere = async () => JSON.stringify(await entries()).includes(address);
    await poll(isThere, { what: `${address} in the history`, timeoutMs: 60_000 });
    const at = Date.now();
    await poll(() => Date.now() > at + 5);
    return at;
  }

  it('is there after a change, a restart and a kill', async () => {
    await start();
    await put('1', '10.0.0.1');
    const first = await recorded('10.0.0.1');
    await put('2', '10.0.0.2');
    const second = await recorded('10.0.0.2');
    assert.deepEqual(await idsAt(first), ['orders.api/1']);
    assert.deepEqual(await idsAt(second), ['orders.api/1', 'orders.api/2']);

    await end('SIGTERM');
    await start();
    assert.deepEqual(await idsAt(first), ['orders.api/1']);
    await put('3', '10.0.0.3');
    const third = await recorded('10.0.0.3');

    await end('SIGKILL');
    await start('merge: { default: refuse }\n');
    await poll(async () => (await addressesNow()).includes('10.0.0.3'), { what: 'the catalog after the kill' });
    assert.deepEqual(await idsAt(first), ['orders.api/1']);
    assert.deepEqual(await idsAt(second), ['orders.api/1', 'orders.api/2']);
    assert.deepEqual(await idsAt(third), ['orders.api/1', 'orders.api/2', 'orders.api/3']);
    const kinds = await poll(async () => {
      const all = await entries();
      return all.filter(({ kind }) => kind === 'started').length === 3 && all;
    });
    assert.deepEqual(
      kinds
        .filter((entry) => !isChange(entry))
        .map((entry) => ('configChanged' in entry ? [entry.kind, entry.configChanged] : entry.kind)),
      [['started', false], 'stopped', ['started', false], ['started', true]],
    );
    const diff = await isthmus('diff', '--from', new Date(first).toISOString(), '--to', new Date(third).toISOString());
    assert.match(diff, /orders\.api +changed +registry +\S+ ago +\+10\.0\.0\.2:8080, \+10\.0\.0\.3:8080\n/);
    assert.match((await http(`${daemon?.url}/metrics`)).body, /\nisthmus_history_up 1\n/);
    assert.deepEqual(readdirSync(join(folder, 'data', 'history')), ['0000000001.log']);
  });
});
