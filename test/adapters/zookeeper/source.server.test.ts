import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const echo = 'lab.api.Echo';

describe('the zookeeper source on a real server', function () {
  this.timeout(60_000);
  let server: ZookeeperServer;
  let writer: DubboRegistryWriter;
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
  beforeEach(() => {
    root = `/dubbo${++roots}`;
  });

  const providers = (interfaceName: string) => `${root}/${interfaceName}/providers`;
  const node = (interfaceName: string, authority: string, query = '', protocol = 'dubbo') =>
    `${providers(interfaceName)}/${providerName(interfaceName, authority, query, protocol)}`;
  const put = async (...input: Parameters<typeof node>) => {
    await writer.make(node(...input), { ephemeral: true });
    return node(...input);
  };
  const ids = (recorder: Recorder, name: string) => recorder.services.get(name)?.instances.map(({ id }) => id);
  const until = (recorder: Recorder, name: string, expected: string[] | undefined) =>
    recorder.waitFor(() => JSON.stringify(ids(recorder, name)) === JSON.stringify(expected), {
      what: `${name} to be ${JSON.stringify(expected)}`,
    });
  const source = (raw: RawConfig = {}) => makeSource([server.address], { dubbo: { root }, ...raw });

  for (const watch of ['recursive', 'classic'] as const) {
    describe(`with ${watch} watches`, () => {
      it('publishes everything at once, and no more than providers', async () => {
        await put(greet, '10.0.0.1:20880', '&version=1.0.0&group=g1&weight=200');
        await put(greet, '10.0.0.2:50051', '&version=1.0.0&group=g1', 'tri');
        await put(greet, '10.0.0.3:8080', '', 'rest');
        await put(echo, '10.0.0.1:20880', '&disabled=true');
        await writer.make(
          `${root}/${echo}/consumers/${encodeURIComponent(`consumer://10.0.0.9/${echo}?category=consumers`)}`,
        );
        await writer.make(`${root}/lab.api.OnlyConsumed/consumers/x`);
        await writer.make(`${root}/metadata/${greet}/provider/shop`);
        await writer.make(`${root}/config/dubbo`);
        await writer.make(`${root}/%zz/providers`);
        await withRun(source({ watch }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced);
          assert.deepEqual(
            recorder.events.map(({ kind }) => kind).filter((kind) => kind !== 'notice'),
            ['replaceAll'],
          );
          assert.deepEqual(
            [...recorder.services.keys()].sort(),
            [`${echo}::`, `${greet}:1.0.0:g1`, `${greet}::`].sort(),
          );
          assert.deepEqual(ids(recorder, `${greet}:1.0.0:g1`), ['dubbo://10.0.0.1:20880', 'tri://10.0.0.2:50051']);
          assert.equal(recorder.services.get(`${greet}:1.0.0:g1`)?.instances[0]?.weight, 200);
          assert.equal(recorder.services.get(`${echo}::`)?.instances[0]?.health, 'unhealthy');
          assert.deepEqual(recorder.problems, []);
        });
      });

      it('follows what comes, changes and goes, touching only the services concerned', async () => {
        const first = await put(greet, '10.0.0.1:20880');
        await put(echo, '10.0.0.1:20880');
        await withRun(source({ watch }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced);
          await put(greet, '10.0.0.2:20880', '&weight=50&zone=hz');
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
          // Dubbo changes a provider by another znode for it.
          await put(greet, '10.0.0.1:20880', '&weight=7&disabled=true&timestamp=1700000000000');
          await writer.remove(first);
          await recorder.waitFor(() => {
            const [instance] = recorder.services.get(`${greet}::`)?.instances ?? [];
            return instance?.weight === 7 && instance.health === 'unhealthy';
          });
          await writer.remove(node(greet, '10.0.0.2:20880', '&weight=50&zone=hz'));
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880']);
          const touched = recorder.events.flatMap((event) => (event.kind === 'upsert' ? [event.service.name] : []));
          assert.deepEqual([...new Set(touched)], [`${greet}::`]);
        });
      });

      it('follows a change of metadata', async () => {
        const before = await put(greet, '10.0.0.1:20880', '&dubbo.tag=blue&zone=z1');
        await withRun(source({ watch }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced);
          await put(greet, '10.0.0.1:20880', '&dubbo.tag=grün&zone=z2&timestamp=1700000000000');
          await writer.remove(before);
          await recorder.waitFor(() => {
            const [instance] = recorder.services.get(`${greet}::`)?.instances ?? [];
            return instance?.metadata['dubbo.tag'] === 'grün' && instance.locality?.zone === 'z2';
          });
        });
      });

      it('keeps a service whose last provider went, and drops it with the znode of its interface', async () => {
        const only = await put(greet, '10.0.0.1:20880');
        await withRun(source({ watch }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced);
          await writer.remove(only);
          await until(recorder, `${greet}::`, []);
          await put(greet, '10.0.0.2:20880');
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.2:20880']);
          await writer.removeTree(`${root}/${greet}`);
          await until(recorder, `${greet}::`, undefined);
          await put(greet, '10.0.0.3:20880');
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.3:20880']);
        });
      });

      it('sees interfaces that are new, and providers of one that only had consumers', async () => {
        await writer.make(`${root}/${echo}/consumers`);
        await withRun(source({ watch }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced);
          await put(echo, '10.0.0.1:20880');
          await until(recorder, `${echo}::`, ['dubbo://10.0.0.1:20880']);
          await put(greet, '10.0.0.1:20880');
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880']);
        });
      });

      it('begins with a root that is not there yet, and sees it come, go and come', async () => {
        await withRun(source({ watch }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced);
          assert.equal(recorder.services.size, 0);
          await put(greet, '10.0.0.1:20880');
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880']);
          await writer.removeTree(root);
          await until(recorder, `${greet}::`, undefined);
          await put(greet, '10.0.0.2:20880');
          await until(recorder, `${greet}::`, ['dubbo://10.0.0.2:20880']);
        });
      });

      it('loses no change in a storm', async () => {
        const names = Array.from({ length: 20 }, (_, index) => `lab.api.Storm${index}`);
        await Promise.all(names.map((name) => writer.make(providers(name))));
        await withRun(source({ watch }), async ({ recorder }) => {
          const expected = new Map<string, string[]>();
          // Begins with the source, so that the storm also meets its first listing.
          await Promise.all(
            names.map(async (name, service) => {
              for (let round = 0; round < 15; round++) {
                const old = node(name, `10.${service}.0.${round}:20880`);
                await writer.make(old, { ephemeral: true });
                if (round % 3 !== 0) await writer.remove(old);
              }
              expected.set(name, [0, 3, 6, 9, 12].map((round) => `dubbo://10.${service}.0.${round}:20880`).sort());
            }),
          );
          for (const [name, instances] of expected) await until(recorder, `${name}::`, instances);
        });
      });
    });
  }

  it('falls back to classic watches on a server that has no recursive ones', async () => {
    const proxy = await TcpProxy.start(server);
    // What a server before 3.6 sees in addWatch is an operation that it does not know.
    proxy.transformUp = (chunk) => {
      const at = chunk.indexOf(Buffer.from([0, 0, 0, 106]));
      if (at >= 0) chunk.writeInt32BE(9999, at);
      return chunk;
    };
    try {
      await put(greet, '10.0.0.1:20880');
      await withRun(makeSource([proxy.address], { dubbo: { root } }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        await put(greet, '10.0.0.2:20880');
        await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
      });
      await withRun(makeSource([proxy.address], { dubbo: { root }, watch: 'recursive' }), async ({ recorder }) => {
        await recorder.waitFor(() => /UNIMPLEMENTED/.test(recorder.degradedScopes.get('')?.message ?? ''));
        assert.equal(recorder.synced, false);
      });
    } finally {
      await proxy.close();
    }
  });

  it('leaves out one bad record, shows it, and lets it go', async () => {
    await put(greet, '10.0.0.1:20880');
    const bad = await put(greet, '10.0.0.2:99999');
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      const service = recorder.services.get(`${greet}::`);
      assert.deepEqual(
        service?.instances.map(({ id }) => id),
        ['dubbo://10.0.0.1:20880'],
      );
      assert.match(service?.rejected?.[0]?.reason ?? '', /port/);
      await writer.remove(bad);
      await recorder.waitFor(() => recorder.services.get(`${greet}::`)?.rejected === undefined);
    });
  });

  it('reads below the chroot', async () => {
    const chroot = root;
    root = `${chroot}/dubbo`;
    await put(greet, '10.0.0.1:20880');
    await withRun(makeSource([server.address], { chroot }), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      await put(greet, '10.0.0.2:20880');
      await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
    });
  });

  it('keeps the rest when one answer is too long, and names the interface', async () => {
    await put(echo, '10.0.0.1:20880');
    await put(greet, '10.0.0.1:20880');
    const padding = 'x'.repeat(60_000);
    await withRun(source({ maxResponseBytes: 4_194_304 }), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      const long = await Promise.all(
        Array.from({ length: 80 }, (_, index) => put(greet, `10.0.1.${index}:20880`, `&note=${padding}`)),
      );
      await recorder.waitFor(() => /maxResponseBytes/.test(recorder.degradedScopes.get(greet)?.message ?? ''));
      await put(echo, '10.0.0.2:20880');
      await until(recorder, `${echo}::`, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
      assert.ok(ids(recorder, `${greet}::`)?.includes('dubbo://10.0.0.1:20880'));
      await Promise.all(long.map((path) => writer.remove(path)));
      await recorder.waitFor(() => recorder.degradedScopes.size === 0);
      await until(recorder, `${greet}::`, ['dubbo://10.0.0.1:20880']);
      assert.equal(recorder.events.filter(({ kind }) => kind === 'replaceAll').length, 1);
    });
  });
});
