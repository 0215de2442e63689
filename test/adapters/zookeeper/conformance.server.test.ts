import { describeSource, type SampleInstance, type SourceHarness } from '../../../testkit/index.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource, providerName } from './support.js';

const root = '/dubbo';

/** The URL of a provider that says what the sample says; Dubbo changes a provider by writing another znode. */
function nodeOf(service: string, { address, port, weight, healthy }: SampleInstance, change: number): string {
  const query = `&weight=${weight}&disabled=${!healthy}&timestamp=${1_700_000_000_000 + change}`;
  return `${root}/${service}/providers/${providerName(service, `${address}:${port}`, query)}`;
}

for (const watch of ['recursive', 'classic'] as const) {
  describe(`the zookeeper source with ${watch} watches`, () => {
    let server: ZookeeperServer;
    let writer: DubboRegistryWriter;
    let proxy: TcpProxy;
    let changes = 0;
    const nodes = new Map<string, string>();

    before(async function () {
      this.timeout(60_000);
      server = await startZookeeper({ tickTimeMs: 500 });
      writer = await DubboRegistryWriter.connect(server.address);
      proxy = await TcpProxy.start(server);
    });
    after(async () => {
      await proxy?.close();
      await writer?.close();
      await server?.stop();
    });

    const harness: SourceHarness = {
      createSource: () => makeSource([proxy.address], { watch }),
      serviceName: (service) => `${service}::`,
      // Its metadata key `version` is a part of a Dubbo service's name; source.server.test.ts has metadata of Dubbo's own.
      capabilities: { metadata: false },
      registry: {
        async put(service, instance) {
          const key = `${service} ${instance.id}`;
          const before = nodes.get(key);
          const node = nodeOf(service, instance, ++changes);
          nodes.set(key, node);
          await writer.make(node);
          if (before !== undefined) await writer.remove(before);
        },
        async remove(service, instanceId) {
          const node = nodes.get(`${service} ${instanceId}`);
          if (node !== undefined) await writer.remove(node);
        },
        stop: async () => proxy.refuse(),
        start: async () => proxy.pass(),
        stopMidListing: async () => proxy.cutAfter(600, 'refuse'),
      },
    };
    describeSource('zookeeper', harness);
  });
}
