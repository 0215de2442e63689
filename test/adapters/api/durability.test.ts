import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { ManualClock, Recorder, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';

describe('adapters/api: the registry on disk', () => {
  let dir: string;
  let remove: () => Promise<void>;
  const runs: SourceRun[] = [];

  beforeEach(async () => {
    ({ dir, remove } = await makeDataDir());
  });

  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
    await remove();
  });

  /** A daemon that starts on the folder, as after a crash of the one before: that one is never told to end. */
  const start = async (clock = new ManualClock()): Promise<Api & { run: SourceRun }> => {
    const api = makeApi(dir, {}, clock);
    const run = await startApi(api);
    runs.push(run);
    return { ...api, run };
  };
  const put = async ({ client }: Api, id: string, more: object = {}) => {
    const { status } = await client.put(`${root}/orders/instances/${id}`, { address: '10.0.0.1', port: 80, ...more });
    assert.equal(status, 201);
  };
  const ids = ({ run }: { run: SourceRun }) => run.recorder.services.get('orders')?.instances.map(({ id }) => id);
  const file = (name = 'registry.jsonl') => join(dir, name);

  it('has each answered change on disk, whatever happens then', async () => {
    const first = await start();
    await put(first, 'a', { metadata: { version: 'v1' }, locality: { region: 'r' }, weight: 7 });
    const second = await start();
    assert.deepEqual(second.run.recorder.services, first.run.recorder.services);
    await second.client.put(`${root}/shop`, { ports: [{ name: 'http', number: 8000 }], metadata: { team: 'a' } });
    await second.client.delete(`${root}/orders/instances/a`);
    const third = await start();
    assert.deepEqual(third.run.recorder.services, second.run.recorder.services);
    assert.deepEqual(ids(third), []);
    await third.client.delete(`${root}/shop`);
    assert.deepEqual([...(await start()).run.recorder.services.keys()], ['orders']);
  });

  it('has each of many changes at a time on disk when it is answered', async () => {
    const api = await start();
    await put(api, 'first');
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        await put(api, `i${index}`);
        const stored = await readFile(file(), 'utf8');
        assert.ok(stored.includes(`"i${index}"`), `i${index} is answered and not on disk`);
      }),
    );
    assert.equal(ids(await start())?.length, 301);
    assert.deepEqual((await readdir(dir)).sort(), ['registry.jsonl', 'registry.previous.jsonl']);
  });

  it('gives each instance a whole time to live after a restart', async () => {
    await put(await start(), 'a', { ttlSeconds: 60 });
    const clock = new ManualClock(Date.UTC(2030, 0, 1));
    const later = await start(clock);
    await clock.advance(55_000);
    assert.deepEqual(ids(later), ['a']);
    assert.equal((await later.client.put(`${root}/orders/instances/a/heartbeat`)).status, 204);
    await clock.advance(55_000);
    assert.deepEqual(ids(later), ['a']);
    await clock.advance(40_000);
    assert.deepEqual(ids(later), []);
  });

  const damages: readonly [string, () => Promise<void>][] = [
    ['is torn', async () => truncate(file(), (await readFile(file())).length - 30)],
    ['is empty', () => truncate(file(), 0)],
    [
      'has a bit turned',
      async () => writeFile(file(), (await readFile(file(), 'utf8')).replace('10.0.0.1', '10.0.0.2')),
    ],
    ['is of something else', () => writeFile(file(), 'PNG\r\n\u001a\n{"not":"a registry"}\n')],
  ];
  for (const [what, damage] of damages) {
    it(`goes on with the file before, says so and keeps the damaged one, when the file ${what}`, async () => {
      const api = await start();
      await put(api, 'a');
      await put(api, 'b');
      await damage();
      const next = await start();
      assert.deepEqual(ids(next), ['a']);
      assert.ok(next.run.recorder.degradedScopes.has('file'));
      assert.ok((await readdir(dir)).includes('registry.jsonl.damaged'));
      await put(next, 'c');
      assert.equal(next.run.recorder.degradedScopes.size, 0);
      assert.deepEqual(ids(await start()), ['a', 'c']);
    });
  }

  it('begins empty, and says so, when both files are damaged', async () => {
    const api = await start();
    await put(api, 'a');
    await put(api, 'b');
    for (const name of ['registry.jsonl', 'registry.previous.jsonl']) await writeFile(file(name), 'x');
    const next = await start();
    assert.equal(next.run.recorder.services.size, 0);
    assert.match(String(next.run.recorder.degradedScopes.get('file')?.message), /cut off/);
    await put(next, 'c');
    assert.deepEqual(ids(next), ['c']);
  });

  it('does not take a rest of a write that was cut off for the registry', async () => {
    await put(await start(), 'a');
    await writeFile(file('registry.jsonl.new'), '{"format":"isthmus-registry","version":1');
    assert.deepEqual(ids(await start()), ['a']);
  });

  it('answers 503 while the disk cannot be written, goes on publishing, and writes when it can', async () => {
    const clock = new ManualClock();
    const api = await start(clock);
    await put(api, 'a');
    // A folder in the place of the file to be written: works for every user, root too.
    await mkdir(file('registry.jsonl.new'));
    const failed = await api.client.put(`${root}/orders/instances/b`, { address: '10.0.0.1', port: 80 });
    assert.equal(failed.status, 503);
    assert.deepEqual(ids(api), ['a', 'b']);
    assert.match(String(api.run.recorder.degradedScopes.get('file')?.message), /EISDIR/);
    // The same once more is a heartbeat, and yet not on disk.
    const again = await api.client.put(`${root}/orders/instances/b`, { address: '10.0.0.1', port: 80 });
    assert.equal(again.status, 503);
    await rm(file('registry.jsonl.new'), { recursive: true });
    await clock.advance(60_000);
    await api.run.recorder.waitFor(({ degradedScopes }) => degradedScopes.size === 0, { what: 'the write' });
    assert.deepEqual(ids(await start()), ['a', 'b']);
  });

  it('logs a disk that cannot be written once, however many changes come, and again when it fails anew', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const api = makeApi(dir, {}, new ManualClock(), logger);
    runs.push(await startApi(api));
    const register = (id: string) =>
      api.client.put(`${root}/orders/instances/${id}`, { address: '10.0.0.1', port: 80 });
    for (const disk of ['first', 'second']) {
      await mkdir(file('registry.jsonl.new'));
      for (let index = 0; index < 20; index++) assert.equal((await register(`${disk}-${index}`)).status, 503);
      await rm(file('registry.jsonl.new'), { recursive: true });
      assert.equal((await register(`${disk}-last`)).status, 201);
    }
    assert.equal(lines.length, 2);
  });

  it('gives back the time between two runs, in which no heartbeat could be taken', async () => {
    const clock = new ManualClock();
    const api = makeApi(dir, {}, clock);
    const first = await startApi(api);
    await api.client.put(`${root}/orders/instances/a`, { address: '10.0.0.1', port: 80, ttlSeconds: 10 });
    await clock.advance(1000);
    await first.stop();
    await clock.advance(30_000);
    assert.equal((await api.client.put(`${root}/orders/instances/a/heartbeat`)).status, 503);
    const second = await startApi(api);
    runs.push(second);
    await clock.advance(5000);
    assert.deepEqual(ids({ run: second }), ['a']);
    await clock.advance(100_000);
    assert.deepEqual(ids({ run: second }), []);
  });

  it('fails the run, and leaves the files alone, when the file is larger than is allowed', async () => {
    const api = await start();
    for (let index = 0; index < 10; index++) await put(api, `i${index}`, { metadata: { long: 'x'.repeat(1000) } });
    const before = await readFile(file());
    const small = makeApi(dir, { maxFileBytes: 1024 });
    const recorder = new Recorder();
    await assert.rejects(small.source.run(recorder, AbortSignal.timeout(1000)), /maxFileBytes/);
    assert.equal(recorder.synced, false);
    assert.deepEqual(await readFile(file()), before);
  });

  it('fails the run, and leaves the files alone, when a later version of Isthmus has written the file', async () => {
    await put(await start(), 'a');
    const [header = '', ...lines] = (await readFile(file(), 'utf8')).trimEnd().split('\n');
    const body = `${[header.replace('"version":2', '"version":3'), ...lines.slice(0, -1)].join('\n')}\n`;
    const later = `${body}${JSON.stringify({ sha256: createHash('sha256').update(body).digest('hex') })}\n`;
    await writeFile(file(), later);
    const recorder = new Recorder();
    await assert.rejects(makeApi(dir).source.run(recorder, AbortSignal.timeout(5000)), /version 3.*1 to 2/);
    assert.equal(recorder.synced, false);
    assert.equal(await readFile(file(), 'utf8'), later);
  });

  it('ends at once when it is told to while the disk does not answer', async () => {
    await mkdir(dir, { recursive: true });
    // Who opens a pipe to read waits until somebody opens it to write.
    execFileSync('mkfifo', [file()]);
    const stop = new AbortController();
    const run = makeApi(dir).source.run(new Recorder(), stop.signal);
    setTimeout(() => stop.abort(), 100);
    const ended = await Promise.race([run.then(() => true), delay(5000, false)]);
    await writeFile(file(), 'x');
    await run;
    assert.ok(ended);
  });

  it('fails the run, and publishes nothing, when the file cannot be read', async () => {
    await put(await start(), 'a');
    await rm(dir, { recursive: true });
    await writeFile(dir, 'a file in the place of the folder');
    const api = makeApi(dir);
    const recorder = new Recorder();
    await assert.rejects(api.source.run(recorder, new AbortController().signal), /EEXIST|ENOTDIR/);
    assert.equal(recorder.synced, false);
    assert.equal((await api.client.get(root)).status, 503);
  });
});
