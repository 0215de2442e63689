import { type DubboProvider, ECHO_SERVICE, GREETING_SERVICE, startDubboProvider } from '../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../servers/zookeeper.js';
import { poll } from '../support/poll.js';
import { ZookeeperWriter } from '../support/zookeeper-writer.js';
import { clusterOf, Mesh } from './support/mesh.js';
import { loseLast, restartIsthmus, restartIsthmusAlone, restartRegistry } from './support/plots.js';

const greetingHost = `g1.1-0-0.${GREETING_SERVICE.toLowerCase()}.dubbo`;
const greeting = clusterOf(greetingHost, 20_880);
const greetingTri = clusterOf(greetingHost, 50_051);
const echo = clusterOf(`${ECHO_SERVICE.toLowerCase()}.dubbo`, 20_880);

describe('Dubbo on ZooKeeper, as a sidecar sees it', function () {
  this.timeout(240_000);
  let zookeeper: ZookeeperServer;
  let writer: ZookeeperWriter;
  let current: DubboProvider;
  let old: DubboProvider;
  let mesh: Mesh;

  /** A provider with no Java behind it, for changes that a Java one makes only by a restart. */
  const handmade = (address: string, parameters: string) => {
    const url = `dubbo://${address}/${GREETING_SERVICE}?application=shop&group=g1&interface=${GREETING_SERVICE}&version=1.0.0&side=provider${parameters}`;
    return `/dubbo/${GREETING_SERVICE}/providers/${encodeURIComponent(url)}`;
  };
  const provider = (version: '3.3' | '2.7', weight: number) =>
    startDubboProvider({
      registry: `zookeeper://${zookeeper.address}`,
      application: `shop-${version.replace('.', '-')}`,
      ...{ version, weight, group: 'g1', serviceVersion: '1.0.0' },
      protocols: version === '3.3' ? ['dubbo', 'tri'] : ['dubbo'],
      parameters: { zone: 'hz-a' },
    });
  const target = ({ host, ports }: DubboProvider) => `${host}:${ports.dubbo}`;

  before(async () => {
    zookeeper = await startZookeeper();
    [current, old] = await Promise.all([provider('3.3', 60), provider('2.7', 200)]);
    writer = await ZookeeperWriter.connect(zookeeper.address);
    mesh = await Mesh.start({
      sources: [{ name: 'dubbo-hz', kind: 'zookeeper', servers: [zookeeper.address], sessionTimeoutMs: 6000 }],
    });
  });

  after(async () => {
    await mesh?.stop();
    await writer?.close();
    await Promise.all([current?.stop(), old?.stop()]);
    await zookeeper?.stop();
  });

  it('shows real providers of Dubbo 3.3 and 2.7 as endpoints of one host, with weight and zone', async () => {
    await mesh.sees(greeting, [
      { target: target(current), weight: 60, locality: 'hz-a' },
      { target: target(old), weight: 200, locality: 'hz-a' },
    ]);
    await mesh.sees(echo, [
      { target: target(current), weight: 100 },
      { target: target(old), weight: 100 },
    ]);
    const seen = await mesh.sidecar.waitForEndpoints(greetingTri, (list) => list.length > 0);
    if (!seen.some(({ port }) => port === current.ports.tri)) throw new Error('the Triple port is not there');
  });

  it('follows weight, metadata and the switch "disabled"', async () => {
    const steady = [{ target: target(current) }, { target: target(old) }];
    const guard = mesh.guard(greeting, [target(current), target(old)]);
    let before: string | undefined;
    const replace = async (parameters: string) => {
      const path = handmade('10.9.0.1:20881', parameters);
      await writer.create(path, '', { ephemeral: true });
      if (before !== undefined) await writer.remove(before);
      before = path;
    };
    const changed = { target: '10.9.0.1:20881' };
    await replace('&weight=30&zone=hz-b&tag=gray');
    await mesh.sees(greeting, [...steady, { ...changed, weight: 30, locality: 'hz-b' }]);
    await replace('&weight=70&zone=hz-c&tag=blue');
    await mesh.sees(greeting, [...steady, { ...changed, weight: 70, locality: 'hz-c' }]);
    await poll(async () => (await mesh.labels(greetingHost))['10.9.0.1']?.['tag'] === 'blue');
    await replace('&disabled=true');
    await mesh.sees(greeting, steady);
    await replace('&weight=0');
    await mesh.sees(greeting, steady);
    await replace('');
    await mesh.sees(greeting, [...steady, { ...changed, weight: 100 }]);
    await writer.remove(handmade('10.9.0.1:20881', ''));
    await mesh.sees(greeting, steady);
    guard.verify();
  });

  it('follows a provider that stops and starts again with another weight', async () => {
    const guard = mesh.guard(greeting, [target(current)]);
    await old.stop();
    await mesh.sees(greeting, [{ target: target(current) }]);
    old = await provider('2.7', 20);
    await mesh.sees(greeting, [{ target: target(current) }, { target: target(old), weight: 20 }]);
    guard.verify();
  });

  it('loses nothing while ZooKeeper restarts, and follows it again', () =>
    restartRegistry(zookeeper, 'dubbo-hz', {
      ...{ mesh, cluster: greeting, live: [target(current), target(old)] },
      change: () => writer.create(handmade('10.9.0.2:20881', ''), '', { ephemeral: true }),
      expected: [target(current), target(old), '10.9.0.2:20881'].map((live) => ({ target: live })),
    }));

  for (const how of ['stop', 'kill'] as const) {
    it(`loses nothing while Isthmus restarts (${how}), and gets what changed meanwhile`, async () => {
      const gone = how === 'stop' ? '10.9.0.2:20881' : '10.9.0.3:20881';
      const come = how === 'stop' ? '10.9.0.3:20881' : '10.9.0.2:20881';
      await restartIsthmus(
        {
          ...{ mesh, cluster: greeting, live: [target(current), target(old)] },
          change: async () => {
            await writer.remove(handmade(gone, ''));
            await writer.create(handmade(come, ''), '', { ephemeral: true });
          },
          expected: [target(current), target(old), come].map((live) => ({ target: live })),
        },
        how,
      );
    });
  }

  it('loses nothing when Isthmus starts while ZooKeeper is away', () =>
    restartIsthmusAlone(zookeeper, {
      ...{ mesh, cluster: greeting, live: [target(current), target(old)] },
      change: () => writer.remove(handmade('10.9.0.2:20881', '')),
      expected: [{ target: target(current) }, { target: target(old) }],
    }));

  it('keeps the cluster with no endpoint when the last provider has gone', async () => {
    await loseLast({
      ...{ mesh, cluster: greeting },
      change: async () => {
        await Promise.all([current.stop(), old.stop()]);
      },
    });
    await mesh.sees(echo, []);
  });
});
