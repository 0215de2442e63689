import { type DubboProvider, GREETING_SERVICE, startDubboProvider } from '../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../servers/zookeeper.js';
import { ZookeeperWriter } from '../support/zookeeper-writer.js';
import { clusterOf, Mesh } from './support/mesh.js';

const host = `g1.1-0-0.${GREETING_SERVICE.toLowerCase()}.dubbo`;
const greeting = clusterOf(host, 20_880);
const greetingTri = clusterOf(host, 50_051);

describe('Dubbo 3 by application, as a sidecar sees it', function () {
  this.timeout(240_000);
  let zookeeper: ZookeeperServer;
  let writer: ZookeeperWriter;
  let local: DubboProvider;
  let remote: DubboProvider;
  let mesh: Mesh;

  const provider = (application: string, metadataType: 'local' | 'remote', registerMode: 'instance' | 'all') =>
    startDubboProvider({
      registry: `zookeeper://${zookeeper.address}`,
      ...{ application, metadataType, registerMode, group: 'g1', serviceVersion: '1.0.0' },
      protocols: ['dubbo', 'tri'],
    });
  const target = ({ host: address, ports }: DubboProvider, protocol: 'dubbo' | 'tri' = 'dubbo') =>
    `${address}:${ports[protocol]}`;

  before(async () => {
    zookeeper = await startZookeeper();
    [local, remote] = await Promise.all([provider('shop', 'local', 'instance'), provider('store', 'remote', 'all')]);
    writer = await ZookeeperWriter.connect(zookeeper.address);
    mesh = await Mesh.start({
      sources: [{ name: 'dubbo-hz', kind: 'zookeeper', servers: [zookeeper.address], sessionTimeoutMs: 6000 }],
    });
  });

  after(async () => {
    await mesh?.stop();
    await writer?.close();
    await Promise.all([local?.stop(), remote?.stop()]);
    await zookeeper?.stop();
  });

  it('shows each provider once, whatever its metadata and however it registers', async () => {
    await mesh.sees(greeting, [{ target: target(local) }, { target: target(remote) }]);
    await mesh.sees(greetingTri, [{ target: target(local, 'tri') }, { target: target(remote, 'tri') }]);
  });

  it('follows what a rule of the config centre says', async () => {
    const rule = `/dubbo/config/dubbo/${GREETING_SERVICE}:1.0.0:g1.configurators`;
    const guard = mesh.guard(greeting, [target(remote)]);
    await writer.create(
      rule,
      `configVersion: v3.0\nscope: service\nkey: g1/${GREETING_SERVICE}:1.0.0\nenabled: true\nconfigs:\n- side: consumer\n  providerAddresses: ["${target(local)}"]\n  parameters:\n    disabled: true\n`,
    );
    await mesh.sees(greeting, [{ target: target(remote) }]);
    await writer.remove(rule);
    await mesh.sees(greeting, [{ target: target(local) }, { target: target(remote) }]);
    guard.verify();
  });

  it('follows a provider that stops and one that comes', async () => {
    const guard = mesh.guard(greeting, [target(remote)]);
    await local.stop();
    await mesh.sees(greeting, [{ target: target(remote) }]);
    local = await provider('shop', 'local', 'instance');
    await mesh.sees(greeting, [{ target: target(local) }, { target: target(remote) }]);
    guard.verify();
  });
});
