import { describeSource } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

/** Every service with a watch of its own, and none: the two ways in which changes are seen. */
for (const maxConnections of [100, 8]) {
  describe(`adapters/consul on a real server, over ${maxConnections} connections`, function () {
    this.timeout(120_000);
    let server: ConsulServer;
    let proxy: TcpProxy;
    let writer: ConsulWriter;

    before(async () => {
      server = await startConsul();
      proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port });
      writer = new ConsulWriter(server);
    });

    after(async () => {
      writer?.close();
      await proxy?.close();
      await server?.stop();
    });

    describeSource('consul', {
      createSource: () => makeSource({ servers: [`http://${proxy.address}`], maxConnections }),
      registry: {
        put: (service, { id, address, port, metadata, healthy }) =>
          writer.register({
            ...{ name: service, id: `${service}-${id}`, address, port, meta: metadata },
            status: healthy ? 'pass' : 'fail',
          }),
        remove: (service, id) => writer.deregister(`${service}-${id}`),
        stop: async () => proxy.refuse(),
        start: async () => proxy.pass(),
        stopMidListing: async () => proxy.cutAfter(3000),
      },
      // Whole multiples of the default alone: shown in source.server.test.ts.
      capabilities: { weights: false },
      deadlineMs: 30_000,
    });
  });
}
