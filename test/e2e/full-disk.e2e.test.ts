import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeEureka, json } from '../adapters/eureka/fake-eureka.js';
import { instanceJson, listing } from '../adapters/eureka/listing.js';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { canMount, type FullDisk, fileLimit, smallFileSystem } from './support/disk.js';
import { type Isthmus, startIsthmus } from './support/isthmus.js';

const started = 1_700_000_000_000;
const lease = { renewalIntervalInSecs: 30, durationInSecs: 90, registrationTimestamp: started };
const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
/** What the disk is written for: 0 in its metric while it cannot be. */
const written = ['isthmus_warm_start_up', 'isthmus_history_up', 'isthmus_eureka_tombstones_up{source="eureka"}'];

/** Everything that Isthmus keeps: warm start, history, quarantine, the registry of its own, what Eureka told to be gone. */
describe('a daemon whose disk is full', function () {
  this.timeout(240_000);
  const disks: FullDisk[] = [fileLimit];
  let eureka: FakeEureka;
  let daemon: Isthmus | undefined;

  before(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'isthmus-mount-'));
    if (await canMount(dir)) disks.push(smallFileSystem);
    rmSync(dir, { recursive: true });
  });
  beforeEach(async () => {
    eureka = new FakeEureka();
    await eureka.start();
  });
  afterEach(() => eureka.stop());

  const running = (): Isthmus => {
    assert.ok(daemon);
    return daemon;
  };
  const call = (method: 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown) =>
    http(`${running().url}/api/v1/${path}`, {
      ...{ method, headers: { 'content-type': 'application/json' }, timeoutMs: 20_000 },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  /** So large, and different each time, that no record fits into what is left of a block. */
  const register = (service: string, weight: number) =>
    call('PUT', `registry/local/services/${service}/instances/i`, {
      ...{
        address: '10.0.0.1',
        port: 8080,
        protocol: 'http',
        weight,
        metadata: { a: noise(), b: noise(), c: noise() },
      },
    });
  const registered = async (name: string) => {
    const { status, body } = await register(name, 100);
    assert.equal(status, 201, body);
  };
  const weightOf = async (service: string) =>
    (await running().instances(`${service}.api`)).find(({ id }) => id === 'i')?.weight;
  const eurekaIds = async () => (await running().instances('a.eureka')).map(({ id }) => id).sort();
  const metrics = async () => (await http(`${running().url}/metrics`)).body;
  const areWritten = async (up: 0 | 1) => {
    const body = await metrics();
    return written.every((name) => body.includes(`\n${name} ${up}\n`));
  };
  const statusOf = async (name: string) => (await running().sources()).find((source) => source.name === name)?.status;
  const readiness = async () => (await http(`${running().url}/readyz`)).status;
  const one = (id: string) =>
    instanceJson('A', id, {
      ipAddr: `10.1.0.${id.slice(1)}`,
      lastDirtyTimestamp: `${started}`,
      leaseInfo: lease,
    });
  const gone = (id: string) => ({ ...one(id), actionType: 'DELETED', lastUpdatedTimestamp: `${started + 60_000}` });
  const lists = (listed: readonly string[], deleted: readonly string[]) => {
    eureka.full = json(listing({ A: listed.map(one) }));
    eureka.delta = json(listing({ A: deleted.map(gone) }, `UP_${listed.length}_`));
  };

  it('goes on, says so, and gets over it, whichever way the disk is full', async () => {
    for (const disk of disks) {
      lists(['a0', 'a1', 'a2', 'a3'], []);
      daemon = await startIsthmus({
        sources: [
          { name: 'local', kind: 'api' },
          { name: 'eureka', kind: 'eureka', servers: [eureka.url], intervalMs: 200 },
        ],
      });
      try {
        await daemon.stop();
        await disk.prepare(daemon);
        await daemon.start();
        await survives(disk).catch((error: Error) => {
          throw new Error(`${disk.what}: ${error.message}\n${daemon?.logs(60)}`, { cause: error });
        });
      } finally {
        await daemon.stop();
        await disk.release(daemon);
      }
    }
  });

  async function survives(disk: FullDisk): Promise<void> {
    for (const source of ['local', 'eureka']) await running().sourceIs(source, 'fresh');
    for (const name of names) await registered(name);
    lists(['a1', 'a2', 'a3'], ['a0']);
    await poll(async () => (await eurekaIds()).join() === 'a1,a2,a3');
    await poll(() => areWritten(1), { what: 'the files to be written' });

    const filledMs = performance.now();
    await disk.fill(running());
    if (disk.outlivesDaemon) {
      await running().kill();
      await running().start();
      for (const source of ['local', 'eureka']) await running().sourceIs(source, 'fresh');
      assert.equal(await weightOf('s1'), 100);
    }
    for (const [index, name] of names.entries()) {
      const { status, body } = await register(name, 200 + index);
      assert.ok([200, 503].includes(status), body);
      assert.equal(await weightOf(name), 200 + index, 'published, on disk or not');
    }
    lists(['a3'], ['a1', 'a2']);
    await poll(async () => (await eurekaIds()).join() === 'a3');
    const { body: entry } = await call('POST', 'quarantine', { service: 's0', address: '10.0.0.1', reason: 'sick' });
    assert.equal((JSON.parse(entry) as { kept: boolean }).kept, false, 'the operator is told');
    assert.equal(await isQuarantined('s0'), true);
    await poll(() => areWritten(0), { what: 'the metrics to tell' });
    const local = await statusOf('local');
    assert.equal(local?.state, 'degraded', 'the registry of its own says it');
    const notices = JSON.stringify(await running().sources());
    assert.match(notices, /what was told gone cannot be written/);
    assert.equal(await readiness(), 200);

    await disk.makeRoom(running());
    await poll(() => areWritten(1), { timeoutMs: 60_000, what: 'the files to be written again' });
    await running().sourceIs('local', 'fresh');
    await poll(() => readdirSync(running().dataDir).includes('quarantine.json'), { timeoutMs: 60_000 });
    assert.deepEqual(leftovers(running().dataDir), []);
    const errors = assertToldSeldom(running().logs(10_000), (performance.now() - filledMs) / 60_000);
    // Five writers, the route that answered 503, and the lock of the data folder.
    assert.equal(errors.size, disk.outlivesDaemon ? 7 : 6, [...errors].join('; '));

    // What a kill leaves is all of it.
    await running().kill();
    lists(['a0', 'a1', 'a2', 'a3'], []); // as a peer that heard of nothing
    await running().start();
    for (const source of ['local', 'eureka']) await running().sourceIs(source, 'fresh');
    assert.deepEqual(await eurekaIds(), ['a3']);
    for (const [index, name] of names.entries()) {
      if (index > 0) assert.equal(await weightOf(name), 200 + index);
    }
    assert.equal(await isQuarantined('s0'), true);
  }

  async function isQuarantined(service: string): Promise<boolean> {
    const { body } = await http(`${running().url}/api/v1/quarantine`);
    const { items } = JSON.parse(body) as { items: readonly { service?: string; matches: number }[] };
    return items.some((item) => item.service === service && item.matches === 1);
  }
});

function noise(): string {
  return randomBytes(1000).toString('base64');
}

/** Files that only a write under way has. */
function leftovers(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => /\.new$|damaged/.test(name));
}

/** @returns the errors, each of which stands there once a minute at most, however often it came */
function assertToldSeldom(log: string, minutes: number): ReadonlySet<string> {
  const errors = log.split('\n').filter((line) => line.startsWith('{"level":"error"'));
  const counts = new Map<string, number>();
  for (const line of errors) {
    const { msg } = JSON.parse(line) as { msg: string };
    counts.set(msg, (counts.get(msg) ?? 0) + 1);
  }
  for (const [text, count] of counts) assert.ok(count <= 1 + minutes, `${count} times: ${text}`);
  return new Set(counts.keys());
}
