import assert from 'node:assert/strict';
import type { Instance, Service } from '../../../core/plugin/index.js';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

/** With a watch for every service, and with none: the two ways in which changes are seen. */
for (const maxConnections of [100, 8])
  describe(`adapters/consul: what a real Consul holds, over ${maxConnections} connections`, function () {
    this.timeout(60_000);
    let server: ConsulServer;
    let writer: ConsulWriter;
    let run: SourceRun;

    before(async () => {
      server = await startConsul();
      writer = new ConsulWriter(server);
    });

    beforeEach(() => {
      run = new SourceRun(makeSource({ servers: [server.url], forgetEmptyAfterMs: 1000, maxConnections }));
    });

    afterEach(() => run.stop());

    after(async () => {
      writer?.close();
      await server?.stop();
    });

    const service = (name: string): Service | undefined => run.recorder.services.get(name);
    const instance = (name: string, id: string): Instance | undefined =>
      service(name)?.instances.find((candidate) => candidate.id === `dc1-server/${id}`);
    const until = (what: string, predicate: () => boolean | undefined) =>
      run.recorder.waitFor(() => predicate() === true, { what, deadlineMs: 10_000 });

    it('publishes address, port, tags, meta, weight and datacenter of an instance', async () => {
      await writer.register({
        ...{ name: 'full', id: 'f1', address: '10.1.0.1', port: 8080, tags: ['v2', 'blue'] },
        meta: { version: '2', zone: 'z1', db_password: 'hidden' },
        ...{ weights: { passing: 5, warning: 2 }, status: 'pass' },
      });
      await until('the instance', () => instance('full', 'f1')?.health === 'healthy');
      const { metadata, ...rest } = instance('full', 'f1') ?? assert.fail();
      assert.deepEqual(rest, {
        id: 'dc1-server/f1',
        address: '10.1.0.1',
        ports: { http: 8080 },
        health: 'healthy',
        weight: 500,
        locality: { region: 'dc1', zone: 'z1', subzone: '' },
      });
      assert.deepEqual({ ...metadata }, { version: '2', zone: 'z1', 'consul.tags': 'blue,v2' });
      assert.deepEqual(
        { ...service('full')?.attributes },
        { name: 'full', namespace: '', datacenter: '', tags: 'blue,v2' },
      );
      assert.deepEqual(service('full')?.ports, [{ name: 'http', number: 80, protocol: 'http' }]);
    });

    it('follows passing, warning and critical, and takes the weight of the state', async () => {
      const registration = { name: 'states', id: 's1', address: '10.1.0.2', port: 80 };
      await writer.register({ ...registration, weights: { passing: 4, warning: 1 }, status: 'pass' });
      const reaches = (health: string, weight: number) =>
        until(`${health} with weight ${weight}`, () => {
          const found = instance('states', 's1');
          return found?.health === health && found.weight === weight;
        });
      await reaches('healthy', 400);
      await writer.check('s1', 'warn');
      await reaches('healthy', 100);
      await writer.check('s1', 'fail');
      await reaches('unhealthy', 400);
      await writer.check('s1', 'pass');
      await reaches('healthy', 400);
    });

    it('drains in maintenance mode of the service and of the node', async () => {
      await writer.register({ name: 'maintained', id: 'm1', address: '10.1.0.3', port: 80 });
      const reaches = (health: string) => until(health, () => instance('maintained', 'm1')?.health === health);
      await reaches('healthy');
      await writer.client.agent.service.maintenance({ id: 'm1', enable: true });
      await reaches('draining');
      await writer.client.agent.service.maintenance({ id: 'm1', enable: false });
      await reaches('healthy');
      await writer.client.agent.maintenance({ enable: true });
      await reaches('draining');
      await writer.client.agent.maintenance({ enable: false });
      await reaches('healthy');
    });

    it('takes the address of the node where the service has none, and follows it', async () => {
      const node = { Node: 'external', Address: '10.9.0.1', NodeMeta: { zone: 'z9' } };
      const entry = { Service: 'outside', ID: 'e1', Port: 5432, Meta: { protocol: 'tcp' } };
      await writer.registerExternal({ ...node, Service: entry });
      const address = () => service('outside')?.instances[0]?.address;
      await until('the address of the node', () => address() === '10.9.0.1');
      assert.equal(service('outside')?.instances[0]?.locality?.zone, 'z9');
      assert.deepEqual(service('outside')?.ports, [{ name: 'tcp', number: 9000, protocol: 'tcp' }]);
      await writer.registerExternal({ ...node, Address: '10.9.0.2' });
      await until('the new address of the node', () => address() === '10.9.0.2');
      await writer.deregisterExternal({ Node: 'external' });
      await until('the end of the node', () => service('outside')?.instances.length === 0);
    });

    it('sees each change of an instance with no check', async () => {
      const registration = { name: 'plain', id: 'p1', address: '10.1.0.4', port: 80 };
      await writer.register(registration);
      await until('the instance', () => instance('plain', 'p1') !== undefined);
      await writer.register({ ...registration, meta: { version: '2' } });
      await until('meta', () => instance('plain', 'p1')?.metadata['version'] === '2');
      await writer.register({ ...registration, tags: ['grpc'] });
      await until('tags', () => service('plain')?.ports[0]?.protocol === 'grpc');
      await writer.register({ ...registration, weights: { passing: 3, warning: 1 } });
      await until('weight', () => instance('plain', 'p1')?.weight === 300);
      await writer.register({ ...registration, port: 81 });
      await until('port', () => instance('plain', 'p1')?.ports['http'] === 81);
      await writer.register({ ...registration, address: '10.1.0.5' });
      await until('address', () => instance('plain', 'p1')?.address === '10.1.0.5');
    });

    it('keeps a service whose last instance has gone as an empty one, and then forgets it', async () => {
      await writer.register({ name: 'brief', id: 'b1', address: '10.1.0.6', port: 80, tags: ['http2'] });
      await until('the instance', () => instance('brief', 'b1') !== undefined);
      const { ports, attributes } = service('brief') ?? assert.fail();
      await writer.deregister('b1');
      await until('the empty service', () => service('brief')?.instances.length === 0);
      assert.deepEqual(service('brief')?.ports, ports);
      assert.deepEqual(service('brief')?.attributes, attributes);
      await until('the end of the service', () => service('brief') === undefined);
    });

    it('leaves out one bad instance alone, with its reason, and a proxy altogether', async () => {
      await writer.register({ name: 'mixed', id: 'good', address: '10.1.0.7', port: 80 });
      await writer.register({ name: 'mixed', id: 'portless', address: '10.1.0.8' });
      await writer.register({ name: 'mixed', id: 'unspecified', address: '169.254.1.1', port: 80 });
      await writer.registerExternal({
        ...{ Node: 'mesh', Address: '10.1.0.9' },
        Service: {
          Kind: 'connect-proxy',
          Service: 'mixed-proxy',
          Port: 20_000,
          Proxy: { DestinationServiceName: 'mixed' },
        },
      });
      await until('the rejections', () => service('mixed')?.rejected?.length === 2);
      assert.deepEqual(
        service('mixed')?.instances.map(({ id }) => id),
        ['dc1-server/good'],
      );
      assert.deepEqual(service('mixed')?.rejected, [
        { record: 'dc1-server/portless 10.1.0.8:0', reason: 'it has no port (0)' },
        { record: 'dc1-server/unspecified 169.254.1.1:80', reason: 'the address is link-local' },
      ]);
      assert.equal(service('mixed-proxy'), undefined);
      assert.equal(service('consul'), undefined);
      await writer.deregisterExternal({ Node: 'mesh' });
    });

    it('reads what include, exclude and tags ask for', async () => {
      await writer.register({ name: 'shop-cart', id: 'c1', address: '10.2.0.1', port: 80, tags: ['prod', 'x'] });
      await writer.register({ name: 'shop-cart', id: 'c2', address: '10.2.0.2', port: 80, tags: ['test'] });
      await writer.register({ name: 'shop-old', id: 'o1', address: '10.2.0.3', port: 80, tags: ['prod'] });
      await writer.register({ name: 'other', id: 'x1', address: '10.2.0.4', port: 80, tags: ['prod'] });
      const picky = new SourceRun(
        makeSource({ servers: [server.url], include: ['shop-*'], exclude: ['*-old'], tags: ['prod'] }),
      );
      const ids = () => [...picky.recorder.services.values()].flatMap(({ instances }) => instances.map(({ id }) => id));
      const reaches = (expected: readonly string[]) =>
        picky.recorder.waitFor(() => ids().sort().join() === expected.join(), { what: expected.join() });
      try {
        await reaches(['dc1-server/c1']);
        await writer.register({ name: 'shop-cart', id: 'c2', address: '10.2.0.2', port: 80, tags: ['prod'] });
        await reaches(['dc1-server/c1', 'dc1-server/c2']);
        await writer.register({ name: 'shop-cart', id: 'c1', address: '10.2.0.1', port: 80, tags: ['test'] });
        await reaches(['dc1-server/c2']);
        await writer.register({ name: 'shop-cart', id: 'c2', address: '10.2.0.2', port: 80, tags: ['test'] });
        await reaches([]);
      } finally {
        await picky.stop();
      }
    });
  });
