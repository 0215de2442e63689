import assert from 'node:assert/strict';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import type { Instance } from '../../../core/model/index.js';
import { type GrpcClient, startGrpcClient } from '../../servers/grpc-client.js';
import { anInstance } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { catalogService } from '../support/services.js';
import { type GreeterBackend, startGreeter } from './support/greeter.js';
import { type RunningXds, runXds } from './support/running-xds.js';

for (const language of ['js', 'go'] as const) {
  describe(`a real gRPC client that reads xDS itself, ${language === 'go' ? 'grpc-go' : '@grpc/grpc-js-xds'}`, () => {
    const catalog = new MemoryCatalog();
    let greeters: GreeterBackend[];
    let xds: RunningXds;
    let client: GrpcClient;

    const instance = (index: number, overrides: Partial<Instance> = {}) =>
      anInstance(`i${index}`, {
        address: '127.0.0.1',
        ports: { grpc: greeters[index]?.port ?? 0 },
        locality: { region: 'cn', zone: index === 2 ? 'bj' : 'hz', subzone: '' },
        ...overrides,
      });
    const greeter = (host: string, instances: readonly Instance[]): CatalogService =>
      catalogService(host, instances, { ports: [{ name: 'grpc', number: 9090, protocol: 'grpc' }] });

    before(async () => {
      greeters = await Promise.all(['zero', 'one', 'two'].map(startGreeter));
      catalog.put(greeter('greeter.legacy', [instance(0)]));
      xds = await runXds(catalog, { grpc: { services: { exclude: ['secret.*'] } } });
      client = await startGrpcClient({ language, ads: xds.address });
    });
    after(async () => {
      await client?.stop();
      await xds?.stop();
      await Promise.all(greeters.map((server) => server.close()));
    });

    const answerers = async (calls: number): Promise<Record<string, number>> => {
      const counts: Record<string, number> = {};
      for (let call = 0; call < calls; call++) {
        const [name = ''] = (await client.greet('xds:///greeter.legacy', 'you')).split(' ');
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    };

    it('resolves a host, with its port and without, and calls', async () => {
      assert.equal(await client.greet('xds:///greeter.legacy', 'you'), 'zero greets you');
      assert.equal(await client.greet('xds:///greeter.legacy:9090', 'them'), 'zero greets them');
    });

    it('finds nothing under a name that is not served', async () => {
      catalog.put(greeter('secret.legacy', [instance(0)]));
      const names = ['secret.legacy', 'nobody.legacy'];
      await Promise.all(names.map((name) => assert.rejects(client.greet(`xds:///${name}`, 'you'))));
    });

    it('follows instances that come and go, with no failed call', async () => {
      catalog.put(greeter('greeter.legacy', [instance(0), instance(1)]));
      await poll(async () => (await answerers(10))['one'] !== undefined, { what: 'calls to reach the new instance' });
      catalog.put(greeter('greeter.legacy', [instance(0, { health: 'draining' }), instance(1)]));
      await poll(async () => (await answerers(10))['zero'] === undefined, { what: 'calls to leave the draining one' });
      catalog.put(greeter('greeter.legacy', [instance(1)]));
      assert.deepEqual(await answerers(20), { one: 20 });
    });

    it('shares calls between localities by their weights', async () => {
      catalog.put(greeter('greeter.legacy', [instance(1, { weight: 300 }), instance(2, { weight: 100 })]));
      await poll(async () => (await answerers(20))['two'] !== undefined, { what: 'calls to reach the other zone' });
      const { one = 0, two = 0 } = await answerers(200);
      assert.equal(one + two, 200);
      assert.ok(two > 20 && two < 90, `${one} : ${two}`);
    });

    it('resolves an instance with a host name', async () => {
      catalog.put(greeter('named.legacy', [instance(1, { address: 'localhost' })]));
      await poll(async () => (await client.greet('xds:///named.legacy', 'you')) === 'one greets you');
    });

    it('refused nothing', () => {
      // A stream a channel, in grpc-go.
      const { clients } = xds.sink.status();
      assert.ok(clients.length > 0 && clients.every(({ node }) => node === `grpc-${language}`));
      assert.deepEqual(
        clients.flatMap(({ types }) => types.flatMap(({ refused = [] }) => refused)),
        [],
      );
      assert.deepEqual(xds.warnings, []);
    });
  });
}
