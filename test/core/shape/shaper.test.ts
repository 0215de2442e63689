import assert from 'node:assert/strict';
import { AddressSet } from '../../../core/shape/address-set.js';
import { Quarantine, type QuarantineEntry } from '../../../core/shape/quarantine.js';
import { type ShapeRule, Shaper, type ShaperOptions } from '../../../core/shape/shaper.js';
import { anInstance, aService } from '../../support/model.js';

const none = new AddressSet([]);

function aShaper(rules: readonly ShapeRule[], options: Partial<ShaperOptions> = {}) {
  const shaper = new Shaper({ rules, addresses: new Map(), quarantine: new Quarantine(), ...options });
  return {
    shaper,
    shape: (service: ReturnType<typeof aService>, source = 'nacos') => shaper.shape(source, service.name, service),
  };
}

const entry = (change: Partial<QuarantineEntry>): QuarantineEntry => ({
  id: 'q1',
  reason: 'bad disk',
  sinceMs: 0,
  from: 'operator',
  ...change,
});
const two = [
  anInstance('a', { address: '10.0.0.1' }),
  anInstance('b', { address: '10.0.0.2', metadata: { version: 'v2' } }),
];

describe('Shaper', () => {
  it('gives the very same service where nothing applies', () => {
    const { shape } = aShaper([{ source: 'other', metadata: { keep: [] } }]);
    const service = aService('orders', two);
    assert.equal(shape(service), service);
  });

  it('includes and excludes by name, namespace and label, and says why', () => {
    const { shaper, shape } = aShaper([
      {
        source: 'nacos',
        include: [{ namespace: 'prod*' }, { labels: { team: 'pay' } }],
        exclude: [{ service: '*-test' }],
      },
    ]);
    const of = (name: string, namespace: string, metadata = {}) => ({
      ...aService(name),
      attributes: { name, namespace },
      metadata,
    });
    assert.ok(shape(of('a', 'prod-1')));
    assert.ok(shape(of('b', 'gray', { team: 'pay' })));
    assert.equal(shape(of('c', 'gray')), undefined);
    assert.equal(shape(of('a-test', 'prod')), undefined);
    assert.ok(shape(of('c', 'gray'), 'eureka'));
    assert.equal(shaper.noteOf('nacos', 'c')?.excluded, 'no include rule selects it');
    assert.equal(shaper.noteOf('nacos', 'a-test')?.excluded, 'an exclude rule selects it');
    shaper.shape('nacos', 'c', undefined);
    assert.equal(shaper.noteOf('nacos', 'c'), undefined, 'one that is gone is remembered no more');
  });

  it('applies all rules that select a service, in their order, to it and its instances', () => {
    const { shape } = aShaper([
      { metadata: { default: { env: 'prod' } }, instanceMetadata: { map: { version: 'release' } } },
      { labels: { env: 'prod' }, instanceMetadata: { default: { late: 'x' } } },
      { service: 'orders', ports: [{ name: 'http', as: 'grpc', protocol: 'grpc' }] },
    ]);
    const service = shape(aService('orders', two));
    assert.deepEqual({ ...service?.metadata }, { env: 'prod' });
    assert.deepEqual(service?.ports, [{ name: 'grpc', number: 80, protocol: 'grpc' }]);
    assert.deepEqual(service?.instances[1]?.ports, { grpc: 8080 });
    assert.deepEqual({ ...service?.instances[1]?.metadata }, { release: 'v2' }, 'labels are those of the registry');
  });

  it('keeps instances that stay the same the same objects', () => {
    const { shape } = aShaper([{ instanceMetadata: { default: { env: 'prod' } } }]);
    const before = shape(aService('orders', two));
    const after = shape(aService('orders', [...two, anInstance('c')]));
    assert.equal(after?.instances[0], before?.instances[0]);
    assert.equal(after?.instances[1], before?.instances[1]);
  });

  it('leaves out instances by the address policy of their source', () => {
    const addresses = new Map([['nacos', { allow: none, deny: new AddressSet(['10.0.0.2']), loopback: false }]]);
    const { shaper, shape } = aShaper([], { addresses });
    const ids = (source: string) =>
      shape(aService('orders', [...two, anInstance('c', { address: '127.0.0.1' })]), source)?.instances.map(
        ({ id }) => id,
      );
    assert.deepEqual(ids('nacos'), ['a']);
    assert.deepEqual(
      shaper.noteOf('nacos', 'orders')?.instances.map(({ id }) => id),
      ['b', 'c'],
    );
    assert.deepEqual(ids('eureka'), ['a', 'b', 'c']);
  });

  it('quarantines by block, label, source and service, until the time is over', () => {
    const quarantine = new Quarantine([entry({ address: '10.0.0.0/31', service: 'ord*', untilMs: 1000 })]);
    const { shaper, shape } = aShaper([], { quarantine });
    const ids = () => shape(aService('orders', two))?.instances.map(({ id }) => id);
    assert.deepEqual(ids(), ['b']);
    assert.deepEqual(shaper.noteOf('nacos', 'orders')?.instances, [{ id: 'a', reason: 'quarantined (q1): bad disk' }]);
    quarantine.add(entry({ id: 'q2', labels: { version: 'v*' }, source: 'nac*' }));
    assert.deepEqual(ids(), []);
    assert.deepEqual(quarantine.expire(999), []);
    assert.deepEqual(
      quarantine.expire(1000).map(({ id }) => id),
      ['q1'],
    );
    assert.deepEqual(ids(), ['a']);
    assert.ok(quarantine.remove('q2'));
    assert.ok(!quarantine.remove('q2'));
    assert.deepEqual(ids(), ['a', 'b']);
    assert.equal(shaper.notes.size, 0);
  });
});
