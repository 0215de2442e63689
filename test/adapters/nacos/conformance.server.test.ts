import { after, before, describe } from 'mocha';
import { describeSource, type SampleInstance } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { sharedNacos2, sharedNacos3 } from '../../servers/shared-nacos.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource } from './make-source.js';

/** Both versions, and both ways in which names are listed: by gRPC for named groups, by HTTP for all. */
const cases = [
  { version: '2.3.2', start: sharedNacos2, config: { mode: 'grpc' } },
  { version: '3.1.0', start: sharedNacos3, config: { mode: 'grpc', groups: ['DEFAULT_GROUP'] } },
  // The API of 1.x, which 2.3.2 still has.
  { version: '2.3.2 over HTTP', start: sharedNacos2, config: { mode: 'http', pollIntervalMs: 100, keepAliveMs: 200 } },
];

for (const { version, start, config } of cases) {
  describe(`adapters/nacos on a real Nacos ${version}`, function () {
    this.timeout(180_000);
    let server: NacosServer;
    let proxy: TcpProxy;
    let writer: NacosWriter;
    const services = new Map<string, Map<string, SampleInstance>>();

    before(async () => {
      server = await start();
      const port = config.mode === 'http' ? server.port : server.grpcPort;
      proxy = await TcpProxy.start({ host: '127.0.0.1', port });
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
    });

    after(async () => {
      writer?.close();
      await proxy?.close();
    });

    const records = (instances: ReadonlyMap<string, SampleInstance>) =>
      [...instances.values()].map(({ address, port, weight, metadata, healthy }) => ({
        ip: address,
        port,
        weight: weight / 100,
        metadata,
        healthy,
      }));

    describeSource(`nacos ${version}`, {
      createSource: () =>
        makeSource({
          servers: [`http://${config.mode === 'http' ? proxy.address : server.address}`],
          grpcPortOffset: config.mode === 'http' ? 1 : proxy.port - server.port,
          namespaces: ['public'],
          ...config,
        }),
      serviceName: (service) => `public@@DEFAULT_GROUP@@${service}`,
      registry: {
        put: async (service, instance) => {
          const instances = services.get(service) ?? new Map<string, SampleInstance>();
          services.set(service, instances.set(instance.id, instance));
          await writer.setVisibly({ service }, records(instances));
        },
        remove: async (service, id) => {
          const instances = services.get(service);
          if (instances?.delete(id)) await writer.set({ service }, records(instances));
        },
        stop: async () => proxy.refuse(),
        start: async () => proxy.pass(),
        // Over HTTP there are several connections, and one that breaks would be made up for by another.
        stopMidListing: async () => proxy.cutAfter(4000, config.mode === 'http' ? 'refuse' : 'pass'),
      },
      deadlineMs: 30_000,
    });
  });
}
