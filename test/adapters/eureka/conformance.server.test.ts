import { after, before, describe } from 'mocha';
import { describeSource } from '../../../testkit/index.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeSource } from './make-source.js';

describe('adapters/eureka on a real server', function () {
  this.timeout(120_000);
  let server: EurekaServer;
  let proxy: TcpProxy;
  let writer: EurekaWriter;

  before(async () => {
    // Without its read-only cache the server lists what was registered at once, as the suite expects of a registry.
    server = await startEureka({ properties: { 'eureka.server.use-read-only-response-cache': false } });
    proxy = await TcpProxy.start({ port: server.port });
    writer = new EurekaWriter(server.url);
  });

  after(async () => {
    await proxy?.close();
    await server?.stop();
  });

  describeSource('eureka', {
    createSource: () => makeSource({ servers: [`http://127.0.0.1:${proxy.port}/eureka`] }),
    serviceName: (service) => service.toUpperCase(),
    registry: {
      put: (service, { id, address, port, weight, metadata, healthy }) =>
        writer.register(service.toUpperCase(), {
          id,
          address,
          port,
          status: healthy ? 'UP' : 'DOWN',
          metadata: { ...metadata, weight: `${weight / 100}` },
        }),
      remove: (service, id) => writer.deregister(service.toUpperCase(), id),
      stop: async () => proxy.refuse(),
      start: async () => proxy.pass(),
      stopMidListing: async () => proxy.cutAfter(700, 'refuse'),
    },
    deadlineMs: 30_000,
  });
});
