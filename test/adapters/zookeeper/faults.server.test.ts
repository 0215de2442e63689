import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { activeResources, assertNoLeaks, type Recorder } from '../../../testkit/index.js';
import {
  fourLetterWord,
  startZookeeper,
  startZookeeperEnsemble,
  type ZookeeperServer,
} from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const sessionTimeoutMs = 2000;

const ids = (recorder: Recorder) => recorder.services.get(`${greet}::`)?.instances.map(({ id }) => id) ?? [];
const untilIds = (recorder: Recorder, expected: string[]) =>
  recorder.waitFor(() => JSON.stringify(ids(recorder)) === JSON.stringify(expected), {
    what: JSON.stringify(expected),
    deadlineMs: 30_000,
  });
const untilDegraded = (recorder: Recorder, reason: RegExp, deadlineMs = 20_000) =>
  recorder.waitFor(() => reason.test(recorder.degradedScopes.get('')?.message ?? ''), {
    what: `${reason}`,
    deadlineMs,
  });
const untilFresh = (recorder: Recorder) =>
  recorder.waitFor(() => recorder.synced && recorder.degradedScopes.size === 0, { deadlineMs: 30_000 });

/** Whether anything was taken away, be it for a moment. */
function lost(recorder: Recorder, id: string): boolean {
  return recorder.events.some((event) => {
    if (event.kind === 'remove') return true;
    const services =
      event.kind === 'replaceAll' ? [...event.services.values()] : event.kind === 'upsert' ? [event.service] : [];
    return services.some((service) => !service.instances.some((instance) => instance.id === id));
  });
}

describe('the zookeeper source under faults of the network', function () {
  this.timeout(90_000);
  let server: ZookeeperServer;
  let writer: DubboRegistryWriter;
  let proxy: TcpProxy;
  let roots = 0;
  let root = '';

  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500 });
    writer = await DubboRegistryWriter.connect(server.address);
  });
  after(async () => {
    await writer?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    root = `/faults${++roots}`;
    proxy = await TcpProxy.start(server);
    await put('10.0.0.1:20880');
  });
  afterEach(() => proxy.close());

  const put = (authority: string) =>
    writer.make(`${root}/${greet}/providers/${providerName(greet, authority)}`, { ephemeral: true });
  /** Ids of the sessions that the server knows, connected or not. */
  const sessions = async () => {
    const [tracker = ''] = (await fourLetterWord(server.port, 'dump')).split('ephemeral nodes dump');
    return [...tracker.matchAll(/\t(0x[0-9a-f]+)/g)].map(([, id]) => id);
  };
  const source = (raw: RawConfig = {}) => makeSource([proxy.address], { dubbo: { root }, sessionTimeoutMs, ...raw });

  for (const direction of ['both', 'down', 'up'] as const) {
    it(`notices a black hole (${direction}) within the session timeout, keeps everything, and catches up`, async () => {
      await withRun(source(), async ({ recorder }) => {
        await untilFresh(recorder);
        proxy.blackHole(direction);
        const startMs = performance.now();
        await untilDegraded(recorder, /silent|no session|lost/);
        const noticedMs = performance.now() - startMs;
        assert.ok(noticedMs < sessionTimeoutMs, `noticed after ${noticedMs} ms`);
        await put('10.0.0.2:20880');
        assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
        proxy.pass();
        proxy.drop();
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
        await untilFresh(recorder);
        assert.ok(!lost(recorder, 'dubbo://10.0.0.1:20880'));
      });
    });
  }

  it('keeps an idle connection open', async () => {
    await withRun(source(), async ({ recorder }) => {
      await untilFresh(recorder);
      // Longer than the session: only pings keep it. Nothing can be waited for, as nothing is to happen.
      await delay(2 * sessionTimeoutMs);
      assert.equal(proxy.accepted, 1);
      await put('10.0.0.2:20880');
      await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
      assert.deepEqual(
        recorder.events.map(({ kind }) => kind).filter((kind) => kind !== 'notice'),
        ['replaceAll', 'upsert'],
      );
    });
  });

  it('reconnects after a reset and sees what it missed', async () => {
    await withRun(source(), async ({ recorder }) => {
      for (let round = 2; round < 6; round++) {
        await untilFresh(recorder);
        const before = recorder.events.length;
        proxy.reset();
        await put(`10.0.0.${round}:20880`);
        await recorder.waitFor(() => recorder.events.slice(before).some(({ kind }) => kind === 'degraded'));
      }
      await untilIds(
        recorder,
        [1, 2, 3, 4, 5].map((last) => `dubbo://10.0.0.${last}:20880`),
      );
      await untilFresh(recorder);
      assert.ok(!lost(recorder, 'dubbo://10.0.0.1:20880'));
    });
  });

  it('goes on with its session after a short loss, and ends it when it stops', async () => {
    const others = new Set(await sessions());
    const own = async () => (await sessions()).filter((id) => !others.has(id));
    await withRun(source({ sessionTimeoutMs: 20_000 }), async ({ recorder }) => {
      await untilFresh(recorder);
      const before = await own();
      assert.equal(before.length, 1);
      proxy.drop();
      await recorder.waitFor(() => recorder.events.filter(({ kind }) => kind === 'replaceAll').length === 2);
      assert.deepEqual(await own(), before);
    });
    // Long before its timeout.
    await poll(async () => (await own()).length === 0, { timeoutMs: 5000 });
  });

  it('publishes nothing partial when a listing is cut at any byte', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `lab.api.Cut${index}`);
    await Promise.all(
      names.map((name, index) => writer.make(`${root}/${name}/providers/${providerName(name, `10.1.0.${index}:1`)}`)),
    );
    for (const cut of [1, 3, 4, 40, 41, 60, 100, 777, 1500, 2500, 4000]) {
      await withRun(source({ concurrency: 4 }), async ({ recorder }) => {
        proxy.cutAfter(cut);
        await untilFresh(recorder);
        const listings = recorder.events.flatMap((event) => (event.kind === 'replaceAll' ? [event.services.size] : []));
        assert.deepEqual(listings, [31], `cut after ${cut} bytes`);
        assert.ok(
          recorder.events.some(({ kind }) => kind === 'degraded'),
          `the cut after ${cut} bytes had no effect`,
        );
      });
    }
  });

  it('takes a new session when the old one has expired', async () => {
    await withRun(source(), async ({ recorder }) => {
      await untilFresh(recorder);
      proxy.refuse();
      await untilDegraded(recorder, /no connection|lost/);
      // Longer than the session lives; the server has expired it by then.
      await delay(2 * sessionTimeoutMs);
      await put('10.0.0.2:20880');
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
      proxy.pass();
      await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
      await put('10.0.0.3:20880');
      await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880', 'dubbo://10.0.0.3:20880']);
    });
  });

  it('gives up a server that accepts and stays silent, and says so', async () => {
    proxy.blackHole();
    await withRun(source({ connectTimeoutMs: 300 }), async ({ recorder }) => {
      await untilDegraded(recorder, /no session within 300 ms/);
      await recorder.waitFor(() => proxy.accepted >= 3);
      proxy.pass();
      await untilFresh(recorder);
    });
  });

  it('waits longer and longer for a server that refuses', async () => {
    proxy.refuse();
    await withRun(source(), async ({ recorder }) => {
      await untilDegraded(recorder, /closed by the server/);
      await delay(2500);
      assert.ok(proxy.accepted < 10, `${proxy.accepted} connections in 2.5 s`);
      assert.ok(proxy.accepted > 2, `${proxy.accepted} connections in 2.5 s`);
      proxy.pass();
      await untilFresh(recorder);
    });
  });

  it('goes on by another server of the ensemble', async () => {
    const other = await TcpProxy.start(server);
    try {
      const raw = { dubbo: { root }, sessionTimeoutMs };
      await withRun(makeSource([proxy.address, other.address], raw), async ({ recorder }) => {
        await untilFresh(recorder);
        const [used, spare] = proxy.open > 0 ? [proxy, other] : [other, proxy];
        const startMs = performance.now();
        used.refuse();
        await recorder.waitFor(() => spare.open > 0 && recorder.degradedScopes.size === 0);
        assert.ok(performance.now() - startMs < 2000);
        await put('10.0.0.2:20880');
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
      });
    } finally {
      await other.close();
    }
  });

  it('stops at once in every state, and leaves nothing open', async () => {
    const before = await activeResources();
    const states: (() => void)[] = [
      () => proxy.pass(),
      () => proxy.blackHole(),
      () => proxy.refuse(),
      () => proxy.cutAfter(50),
    ];
    for (const enter of states) {
      for (const waitMs of [0, 5, 50, 400]) {
        enter();
        await withRun(source(), () => delay(waitMs));
        proxy.pass();
        proxy.drop();
      }
    }
    await assertNoLeaks(before);
  });

  const multiRead = 22;
  const getChildren = 12;
  /** @param see called for each request on its way, with its operation; it may give another */
  const watchRequests = (see: (operation: number) => number) => {
    proxy.transformUp = (chunk) => {
      for (let at = 0; at + 12 <= chunk.length; at += 4 + chunk.readInt32BE(at)) {
        chunk.writeInt32BE(see(chunk.readInt32BE(at + 8)), at + 8);
      }
      return chunk;
    };
  };

  it('lists many interfaces in few requests, and by itself what is refused', async () => {
    const nameOf = (index: number) => `lab.api.Many${index}`;
    const pathOf = (index: number) => `${root}/${nameOf(index)}/providers/${providerName(nameOf(index), '10.0.0.9:1')}`;
    for (let index = 0; index < 40; index++) await writer.make(pathOf(index), { ephemeral: true });
    await writer.make(`${root}/lab.api.Bare`);
    const owner = await DubboRegistryWriter.connect(server.address, 'owner:secret');
    const counts = new Map<number, number>();
    watchRequests((operation) => {
      counts.set(operation, (counts.get(operation) ?? 0) + 1);
      return operation;
    });
    try {
      await owner.make(`${root}/lab.api.Hidden/providers`, { access: 'creator' });
      await withRun(source(), async ({ recorder }) => {
        await recorder.waitFor(({ services }) => services.size === 41, { deadlineMs: 30_000 });
        for (let index = 0; index < 40; index++) {
          assert.equal(recorder.services.get(`${nameOf(index)}::`)?.instances.length, 1, nameOf(index));
        }
        assert.match(recorder.degradedScopes.get('')?.message ?? '', /Hidden.*NO_AUTH/);
        assert.ok((counts.get(multiRead) ?? 0) <= 20, `${counts.get(multiRead)} requests for many`);
        assert.ok((counts.get(getChildren) ?? 0) <= 12, `${counts.get(getChildren)} requests for one`);
        await put('10.0.0.2:20880');
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
      });
    } finally {
      await owner.removeTree(root);
      await owner.close();
    }
  });

  it('reads each node by itself where the server does not know requests for many', async () => {
    let asked = 0;
    watchRequests((operation) => {
      if (operation !== multiRead) return operation;
      asked++;
      return 999;
    });
    await withRun(source(), async ({ recorder }) => {
      await untilFresh(recorder);
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
      // States and children, over two connections; the third one asks no more.
      assert.ok(asked >= 1 && asked <= 4, `${asked}`);
      assert.ok(proxy.accepted <= 3, `${proxy.accepted} connections`);
      asked = 0;
      await put('10.0.0.2:20880');
      await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
    });
    assert.equal(asked, 0);
  });

  it('finds by the audit what no watch told', async () => {
    // ZooKeeper 3.9.4 keeps events about a node from those who may not read it, though they may list its parent.
    const owner = await DubboRegistryWriter.connect(server.address, 'owner:secret');
    const metrics = new Registry();
    try {
      const raw = { dubbo: { root }, sessionTimeoutMs, auditIntervalMs: 300, watch: 'recursive' as const };
      await withRun(makeSource([server.address], raw, metrics), async ({ recorder }) => {
        await untilFresh(recorder);
        await owner.make(`${root}/${greet}/providers/${providerName(greet, '10.0.0.2:20880')}`, { access: 'creator' });
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
        const metric = await metrics.getSingleMetric('isthmus_zookeeper_audit_differences_total')?.get();
        assert.equal(metric?.values[0]?.value, 1);
      });
    } finally {
      await owner.removeTree(root);
      await owner.close();
    }
  });
});

describe('the zookeeper source when the server goes', function () {
  this.timeout(120_000);
  const root = '/dubbo';
  const path = (authority: string) => `${root}/${greet}/providers/${providerName(greet, authority)}`;

  it('keeps everything while it is stopped, killed or frozen, and recovers', async () => {
    const server = await startZookeeper({ tickTimeMs: 500 });
    try {
      const writer = await DubboRegistryWriter.connect(server.address);
      await writer.make(path('10.0.0.1:20880'));
      await writer.close();
      await withRun(makeSource([server.address], { sessionTimeoutMs }), async ({ recorder }) => {
        await untilFresh(recorder);
        await server.stop();
        await untilDegraded(recorder, /./);
        assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
        await server.start();
        await untilFresh(recorder);
        await server.kill();
        await untilDegraded(recorder, /./);
        await server.start();
        await untilFresh(recorder);
        server.pause();
        await untilDegraded(recorder, /silent/);
        server.resume();
        await untilFresh(recorder);
        assert.ok(!lost(recorder, 'dubbo://10.0.0.1:20880'));
        const again = await DubboRegistryWriter.connect(server.address);
        await again.make(path('10.0.0.2:20880'));
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
        await again.close();
      });
    } finally {
      await server.stop();
    }
  });

  it('takes the state of a server that lost its data, once its own session is over', async () => {
    const server = await startZookeeper({ tickTimeMs: 500 });
    try {
      const writer = await DubboRegistryWriter.connect(server.address);
      await writer.make(path('10.0.0.1:20880'));
      await writer.close();
      await withRun(makeSource([server.address], { sessionTimeoutMs }), async ({ recorder }) => {
        await untilFresh(recorder);
        await server.stop();
        await server.start({ keepData: false });
        const again = await DubboRegistryWriter.connect(server.address);
        await again.make(path('10.0.0.2:20880'));
        await again.close();
        await untilIds(recorder, ['dubbo://10.0.0.2:20880']);
        const removals = recorder.events.filter(({ kind }) => kind === 'remove' || kind === 'upsert');
        assert.ok(removals.length <= 1, 'what was lost went in pieces, not by a complete listing');
      });
    } finally {
      await server.stop();
    }
  });

  it('goes on when the leader of an ensemble is killed', async () => {
    const servers = await startZookeeperEnsemble({ size: 3, tickTimeMs: 500 });
    try {
      const addresses = servers.map(({ address }) => address);
      const writer = await DubboRegistryWriter.connect(addresses.join(','));
      await writer.make(path('10.0.0.1:20880'));
      await writer.close();
      await withRun(makeSource(addresses, { sessionTimeoutMs: 4000 }), async ({ recorder }) => {
        await untilFresh(recorder);
        for (const server of servers) {
          const events = recorder.events.length;
          await server.kill();
          const survivors = servers.filter((other) => other !== server).map(({ address }) => address);
          const again = await DubboRegistryWriter.connect(survivors.join(','));
          await again.make(path(`10.0.1.${events}:20880`));
          await again.close();
          await recorder.waitFor(() => ids(recorder).includes(`dubbo://10.0.1.${events}:20880`), {
            deadlineMs: 30_000,
          });
          await server.start();
        }
        await untilFresh(recorder);
        assert.ok(!lost(recorder, 'dubbo://10.0.0.1:20880'));
      });
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});
