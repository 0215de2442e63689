import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { convertApplication } from '../../../adapters/eureka/applications.js';
import { buildService } from '../../../adapters/eureka/build-service.js';
import { RegistryView } from '../../../adapters/eureka/registry-view.js';
import { Sharing } from '../../../adapters/eureka/sharing.js';
import { VipServices } from '../../../adapters/eureka/vip-services.js';
import { serviceProblems } from '../../../testkit/index.js';
import { instanceJson } from './listing.js';

const options = { address: 'ip', protocol: 'http', servicePort: 80, serviceName: 'vip' } as const;
const noPause = async () => undefined;
const both = { port: { $: 8080, '@enabled': 'true' }, securePort: { $: 8443, '@enabled': 'true' } };

function apply(view: RegistryView, name: string, ...instances: Record<string, unknown>[]): void {
  const application = convertApplication({ name, instance: instances }, options, new Sharing());
  assert.ok(application);
  view.apply(application);
}

const content = (services: VipServices) =>
  Object.fromEntries([...services.names()].sort().map((name) => [name, [...services.records(name).keys()].sort()]));

const service = (services: VipServices, name: string) =>
  buildService(name, services.records(name).values(), options, undefined);

describe('adapters/eureka VipServices', () => {
  it('puts together the instances of several applications, and one instance into several services', async () => {
    const view = new RegistryView();
    apply(view, 'ORDERS-V1', instanceJson('ORDERS-V1', 'a', { vipAddress: 'Orders,orders-v1' }));
    apply(view, 'ORDERS-V2', instanceJson('ORDERS-V2', 'a', { vipAddress: 'orders' }));
    const services = await VipServices.of(view, undefined, noPause);
    assert.deepEqual(content(services), { orders: ['ORDERS-V1/a', 'ORDERS-V2/a'], 'orders-v1': ['ORDERS-V1/a'] });
    const orders = service(services, 'orders');
    assert.deepEqual({ ...orders.attributes }, { name: 'orders', application: 'ORDERS-V1', vip: 'orders' });
    assert.deepEqual(
      orders.instances.map(({ id }) => id),
      ['ORDERS-V1/a', 'ORDERS-V2/a'],
    );
  });

  it('gives the plain port to vipAddress, the secure one to secureVipAddress, both where they are the same', async () => {
    const view = new RegistryView();
    apply(view, 'A', instanceJson('A', 'a', { ...both, vipAddress: 'a,both', secureVipAddress: 'a-tls,both' }));
    const services = await VipServices.of(view, undefined, noPause);
    const ports = (name: string) => service(services, name).instances[0]?.ports;
    assert.deepEqual(ports('a'), { http: 8080 });
    assert.deepEqual(ports('a-tls'), { https: 8443 });
    assert.deepEqual(ports('both'), { http: 8080, https: 8443 });
  });

  it('has no service of a secure address without a secure port, and counts who has no address at all', async () => {
    const view = new RegistryView();
    apply(view, 'A', instanceJson('A', 'a', { vipAddress: 'a', secureVipAddress: 'a-tls' }));
    apply(view, 'B', instanceJson('B', 'b', { vipAddress: '', secureVipAddress: ' , ' }));
    const services = await VipServices.of(view, undefined, noPause);
    assert.deepEqual(Object.keys(content(services)), ['a']);
    assert.equal(services.unnamedCount, 1);
  });

  it('moves an instance whose address changes, and tells of both services', async () => {
    const view = new RegistryView();
    apply(view, 'A', instanceJson('A', 'a', { vipAddress: 'old' }));
    const services = await VipServices.of(view, undefined, noPause);
    apply(view, 'A', instanceJson('A', 'a', { vipAddress: 'new' }));
    assert.deepEqual([...services.refresh('A')].sort(), ['new', 'old']);
    assert.deepEqual(content(services), { new: ['A/a'] });
  });

  it('leaves a port out of the name of the host', async () => {
    const view = new RegistryView();
    apply(view, 'A', instanceJson('A', 'a', { vipAddress: 'movies.example.test:7001' }));
    const services = await VipServices.of(view, undefined, noPause);
    assert.equal(service(services, 'movies.example.test:7001').attributes['name'], 'movies.example.test');
  });

  it('is after any changes what it would be had it been made anew, and sound', async () => {
    const vip = fc.constantFrom('', 'x', 'y', 'x,y', 'Y', ',x,,');
    const change = fc.record({
      name: fc.constantFrom('A', 'B'),
      id: fc.constantFrom('1', '2'),
      vipAddress: vip,
      secureVipAddress: vip,
      secure: fc.boolean(),
      actionType: fc.constantFrom('ADDED', 'DELETED'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        const view = new RegistryView();
        const services = await VipServices.of(view, undefined, noPause);
        for (const { name, id, secure, ...rest } of changes) {
          apply(view, name, instanceJson(name, id, { ...rest, ...(secure ? both : {}) }));
          services.refresh(name);
        }
        const fresh = await VipServices.of(view, undefined, noPause);
        assert.deepEqual(content(services), content(fresh));
        assert.equal(services.unnamedCount, fresh.unnamedCount);
        for (const name of services.names()) {
          assert.deepEqual(service(services, name), service(fresh, name));
          assert.deepEqual(serviceProblems(service(services, name)), []);
        }
      }),
    );
  });
});
