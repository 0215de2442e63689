import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { systemClock } from '../../../core/time/index.js';
import { DiskWarmStore, type DiskWarmStoreOptions } from '../../../core/warm/disk-warm-store.js';
import type { StoredTrust } from '../../../core/warm/warm-store.js';
import { anInstance, aService } from '../../support/model.js';
import { poll } from '../../support/poll.js';

const hourMs = 3_600_000;

describe('the warm start’s files', () => {
  let dir: string;
  let lines: { msg: string; level: number; reason?: string }[];
  let nowMs: number;
  let running: { stop: AbortController; done: Promise<void> }[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-warm-'));
    lines = [];
    nowMs = 1_700_000_000_000;
    running = [];
  });
  afterEach(async () => {
    await stopAll();
    rmSync(dir, { recursive: true, force: true });
  });

  const file = (source = 'nacos') => join(dir, `${source}.log`);
  const none = new AbortController().signal;
  const configured = new Set(['nacos', 'eureka']);
  const trust = (overrides: Partial<StoredTrust> = {}): StoredTrust => ({
    confirmedMs: nowMs,
    degraded: [],
    holds: [],
    freezes: [],
    ...overrides,
  });

  function make(options: Partial<DiskWarmStoreOptions> = {}): DiskWarmStore {
    const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const clock = { now: () => nowMs, sleep: systemClock.sleep };
    return new DiskWarmStore({
      dir,
      maxAgeMs: 24 * hourMs,
      maxBytes: 64 * 1024 * 1024,
      clock,
      logger,
      commitMs: 5,
      ...options,
    });
  }
  function start(options: Partial<DiskWarmStoreOptions> = {}): DiskWarmStore {
    const store = make(options);
    const stop = new AbortController();
    running.push({ stop, done: store.run(stop.signal) });
    return store;
  }
  async function stopAll(): Promise<void> {
    for (const { stop, done } of running.splice(0)) {
      stop.abort();
      await done;
    }
  }
  async function stored(options: Partial<DiskWarmStoreOptions> = {}) {
    const result = await make(options).load(none, configured);
    return Object.fromEntries([...result].map(([name, { services, trust }]) => [name, plain({ services, trust })]));
  }
  const names = async (source = 'nacos') =>
    ((await make().load(none, configured)).get(source)?.services ?? []).map(({ name }) => name).sort();

  it('give back what was put, source by source', async () => {
    const store = start();
    const rich = aService(
      'orders',
      [
        anInstance('1', { locality: { region: 'r', zone: 'z', subzone: '' }, network: 'n', weight: 0 }),
        anInstance('2', { health: 'draining', metadata: { constructor: 'c', ['__proto__']: 'p', ключ: '\ud800"\n' } }),
      ],
      {
        rejected: [{ record: 'x', reason: 'y' }],
        rules: [{ id: 'i', kind: 'tag', scope: 'orders', enabled: true, effect: 'shown', text: 'a' }],
      },
    );
    const hold = { service: 'orders', guard: 'mass-loss', reason: 'r', sinceMs: 1, untilMs: 2, instances: ['9'] };
    const freeze = { service: 'o*', reason: 'moving', sinceMs: 3, untilMs: 4 };
    const mixed = trust({ degraded: [{ scope: '', sinceMs: 5 }], holds: [hold], freezes: [freeze] });
    store.put('nacos', rich);
    store.put('nacos', aService('gone', [anInstance('1')]));
    store.trust('nacos', mixed);
    store.put('eureka', aService('empty'));
    store.trust('eureka', trust());
    await store.flush();
    store.remove('nacos', 'gone');
    await store.flush();
    const expected = {
      nacos: { services: [rich], trust: mixed },
      eureka: { services: [aService('empty')], trust: trust() },
    };
    assert.deepEqual(await stored(), plain(expected));
    const [first] = (await make().load(none, configured)).get('nacos')?.services ?? [];
    assert.ok(
      Object.entries(first?.instances[1]?.metadata ?? {}).some(([key, value]) => key === '__proto__' && value === 'p'),
    );
    assert.deepEqual(lines, []);
    assert.equal(statSync(file()).mode & 0o777, 0o600);
  });

  it('are gone on with after a restart, and cost a change its service alone', async () => {
    for (let run = 0; run < 3; run++) {
      const store = start();
      await store.load(none, configured);
      store.put('nacos', aService(`s${run}`, [anInstance('1')]));
      store.trust('nacos', trust());
      await store.flush();
      const before = store.status().bytes;
      store.put('nacos', aService(`s${run}`, [anInstance('2')]));
      await store.flush();
      assert.ok(store.status().bytes - before < 500);
      await stopAll();
    }
    assert.deepEqual(await names(), ['s0', 's1', 's2']);
  });

  it('are written anew when most of them is outdated, and stay within bounds', async () => {
    const store = start();
    const big = (value: string) => aService('s', [anInstance('1', { metadata: { filler: value.repeat(100_000) } })]);
    store.put('nacos', aService('other', [anInstance('1')]));
    store.trust('nacos', trust());
    for (let round = 0; round < 100; round++) {
      store.put('nacos', big(String(round % 10)));
      await store.flush();
      assert.ok(statSync(file()).size < 5 * 1024 * 1024);
    }
    await stopAll();
    assert.ok(readFileSync(file()).length < 10_000_000);
    assert.deepEqual(await names(), ['other', 's']);
    assert.deepEqual(readdirSync(dir), ['nacos.log', 'nacos.log.current']);
  });

  it('say nothing of a source that was never said to be whole', async () => {
    const store = start();
    store.put('nacos', aService('s'));
    await store.flush();
    assert.deepEqual(await stored(), {});
  });

  it('are not used once they are too old, and a clock that was ahead makes them no younger', async () => {
    const store = start();
    store.put('nacos', aService('s'));
    store.trust('nacos', trust({ confirmedMs: nowMs + 10 * hourMs }));
    await store.flush();
    await stopAll();
    const restored = (await make().load(none, configured)).get('nacos');
    assert.equal(restored?.trust.confirmedMs, nowMs);
    nowMs += 35 * hourMs;
    assert.deepEqual(await stored(), {});
    assert.match(lines.at(-1)?.msg ?? '', /too old/);
    assert.ok(!existsSync(file()));
  });

  it('are not used, nor read, when their source is not configured, and go when they are too old', async () => {
    const store = start();
    store.put('nacos', aService('s'));
    store.trust('nacos', trust());
    await store.flush();
    await stopAll();
    writeFileSync(file('removed'), 'what would be set aside as damaged if it were read');
    const now = new Date(nowMs);
    utimesSync(file('removed'), now, now);
    const read = async () => [...(await make().load(none, configured)).keys()];
    nowMs += hourMs;
    assert.deepEqual(await read(), ['nacos']);
    assert.match(lines.at(-1)?.msg ?? '', /not configured is not used/);
    assert.ok(existsSync(file('removed')));
    nowMs += 24 * hourMs;
    assert.deepEqual(await read(), []);
    assert.ok(!existsSync(file('removed')));
    assert.ok(lines.every(({ msg }) => !/set aside/.test(msg)));
  });

  it('are written though what is held is too much for a record', async () => {
    const store = start();
    const id = 'i'.repeat(1000);
    const instances = Array.from({ length: 70_000 }, () => id);
    const hold = { service: 'orders', guard: 'mass-loss', reason: 'r', sinceMs: 1, untilMs: 2, instances };
    store.put('nacos', aService('orders'));
    store.trust('nacos', trust({ holds: [hold] }));
    await store.flush();
    await stopAll();
    assert.deepEqual(await stored(), { nacos: { services: [aService('orders')], trust: trust() } });
  });

  describe('with a file that is not as it was written', () => {
    let bytes: Buffer;

    beforeEach(async () => {
      const store = start();
      store.put('nacos', aService('a', [anInstance('1')]));
      store.trust('nacos', trust());
      await store.flush();
      store.put('nacos', aService('b', [anInstance('1')]));
      await store.flush();
      await stopAll();
      bytes = readFileSync(file());
    });

    it('give a state that once was, or none, wherever it was cut', async () => {
      const seen = new Set<string>();
      for (let length = 0; length <= bytes.length; length++) {
        writeFileSync(file(), bytes.subarray(0, length));
        seen.add(JSON.stringify(await names()));
      }
      assert.deepEqual([...seen].sort(), ['["a","b"]', '["a"]', '[]']);
    });

    it('give a state that once was, or none, whichever byte is wrong, and keep a few of the files', async () => {
      for (let at = 0; at < bytes.length; at++) {
        const wrong = Buffer.from(bytes);
        wrong[at] = (wrong[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(file(), wrong);
        nowMs += 1000;
        const found = JSON.stringify(await names());
        assert.ok(found === '["a"]' || found === '[]', `byte ${at}: ${found}`);
      }
      const aside = readdirSync(dir).filter((name) => name.includes('.damaged-'));
      assert.equal(aside.length, 3);
      assert.match(lines[0]?.msg ?? '', /set aside/);
    });

    it('go on after what was cut off is removed', async () => {
      writeFileSync(file(), bytes.subarray(0, bytes.length - 3));
      const store = start();
      await store.load(none, configured);
      store.put('nacos', aService('c'));
      await store.flush();
      assert.deepEqual(await names(), ['a', 'c']);
      assert.match(lines[0]?.msg ?? '', /cut off/);
    });

    it('are written anew at once after damage, so that the next start finds them', async () => {
      const wrong = Buffer.from(bytes);
      wrong[bytes.length - 40] = 0;
      writeFileSync(file(), wrong);
      const store = start();
      await store.load(none, configured);
      await store.flush();
      assert.deepEqual(await names(), ['a']);
    });

    it('set a record aside that has the right checksum and a wrong shape', async () => {
      const store = start();
      const bad = { ...aService('bad'), ports: 'none' } as never;
      store.put('eureka', bad);
      store.trust('eureka', trust());
      await store.flush();
      assert.deepEqual(Object.keys(await stored()), ['nacos']);
      assert.match(lines.at(-1)?.reason ?? '', /ports are no list/);
    });

    it('leave what is not theirs', async () => {
      writeFileSync(join(dir, 'nacos.txt'), 'mine');
      writeFileSync(join(dir, 'Not A Source.log'), 'mine');
      assert.deepEqual(Object.keys(await stored()), ['nacos']);
      assert.equal(readFileSync(join(dir, 'nacos.txt'), 'utf8'), 'mine');
    });
  });

  it('are a status and a retry when they can not be written', async () => {
    rmSync(dir, { recursive: true });
    writeFileSync(dir, 'a file where the folder is to be');
    const store = start();
    assert.deepEqual(await store.load(none, configured), new Map());
    store.put('nacos', aService('s'));
    store.trust('nacos', trust());
    await assert.rejects(store.flush());
    const { write } = store.status();
    assert.match(write.state === 'failing' ? write.cause : '', /EEXIST|ENOTDIR/);
    rmSync(dir);
    await poll(() => store.status().write.state === 'writing');
    assert.deepEqual(await names(), ['s']);
  });

  it('keep what they have when the catalog gets too large for them, and go on when it fits again', async () => {
    const store = start({ maxBytes: 300_000 });
    store.put('nacos', aService('s', [anInstance('1')]));
    store.trust('nacos', trust());
    await store.flush();
    const before = nowMs;
    nowMs += 1000;
    const many = Array.from({ length: 1000 }, (_, index) => anInstance(`i${index}`));
    store.put('nacos', aService('big', many));
    store.trust('nacos', trust());
    await store.flush();
    assert.equal(store.status().write.state, 'too large');
    assert.deepEqual(await names(), ['s']);
    assert.equal((await make().load(none, configured)).get('nacos')?.trust.confirmedMs, before);
    store.remove('nacos', 'big');
    store.put('nacos', aService('t'));
    await store.flush();
    assert.equal(store.status().write.state, 'writing');
    assert.deepEqual(await names(), ['s', 't']);
    assert.equal(lines.filter(({ level }) => level >= 50).length, 1);
  });
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
