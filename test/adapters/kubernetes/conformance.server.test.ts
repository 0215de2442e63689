import { describeSource } from '../../../testkit/index.js';
import { type KubeServer, startKube } from '../../servers/kube.js';
import { KubeWriter } from '../../support/kube-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource } from './make-source.js';
import { Registrations } from './registrations.js';

describe('adapters/kubernetes on a real server', function () {
  this.timeout(180_000);
  let kube: KubeServer;
  let proxy: TcpProxy;
  let writer: KubeWriter;
  let registrations: Registrations;

  before(async () => {
    kube = await startKube();
    proxy = await TcpProxy.start({ port: kube.port });
    writer = new KubeWriter(kube);
    await writer.namespace('shop');
    registrations = new Registrations(writer, 'shop');
  });
  after(async () => {
    await writer?.close();
    await proxy?.close();
    await kube?.stopAll();
  });

  describeSource('kubernetes', {
    createSource: async () => {
      const server = `https://${proxy.address}`;
      const { token } = { token: kube.adminToken };
      return makeSource({ server, token, tls: { ca: kube.caFile }, pageSize: 2, watchMs: 5000 });
    },
    registry: {
      put: (service, { id, address, port, healthy }) => registrations.instance(service, id, address, port, healthy),
      remove: (service, id) => registrations.removeInstance(service, id),
      stop: async () => proxy.refuse(),
      start: async () => proxy.pass(),
      stopMidListing: async () => proxy.cutAfter(4500, 'refuse'),
    },
    serviceName: (service) => `shop/${service}`,
    // An EndpointSlice has no weights, and nothing that its endpoints say of themselves.
    capabilities: { weights: false, metadata: false },
    deadlineMs: 30_000,
  });
});
