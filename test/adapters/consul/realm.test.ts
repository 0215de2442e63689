import assert from 'node:assert/strict';
import { consulSchema } from '../../../adapters/consul/config.js';
import { publishedName, realmsOf, upstreamName } from '../../../adapters/consul/realm.js';

const configOf = (more: object = {}) => consulSchema.parse({ servers: ['http://127.0.0.1:8500'], ...more });

describe('adapters/consul: datacenters and namespaces', () => {
  it('are one scope when there is one, and named else', () => {
    const scopes = (more: object) => realmsOf(configOf(more)).map(({ scope }) => scope);
    assert.deepEqual(scopes({}), [undefined]);
    assert.deepEqual(scopes({ datacenters: ['dc1'], namespaces: ['team'] }), [undefined]);
    assert.deepEqual(scopes({ datacenters: ['dc1', 'dc2'] }), ['dc1', 'dc2']);
    assert.deepEqual(scopes({ namespaces: ['default', 'team'] }), ['namespace default', 'namespace team']);
    assert.deepEqual(scopes({ datacenters: ['dc1', 'dc2'], namespaces: ['a', 'b'] }), [
      ...['dc1 namespace a', 'dc1 namespace b'],
      ...['dc2 namespace a', 'dc2 namespace b'],
    ]);
  });

  it('are in the names of services outside of home', () => {
    const realms = realmsOf(configOf({ datacenters: ['dc1', 'dc2'], namespaces: ['a', 'b'] }));
    assert.deepEqual(
      realms.map(({ suffix }) => publishedName('web', suffix)),
      ['web', 'b/web', 'web@dc2', 'b/web@dc2'],
    );
  });

  it('lead an upstream to the service that it means, and nowhere when that is not read', () => {
    const config = configOf({ datacenters: ['dc1', 'dc2'], namespaces: ['a', 'b'] });
    const [home, , , remote] = realmsOf(config);
    const name = (from: typeof home, datacenter: string, namespace: string) =>
      upstreamName({ service: 'db', datacenter, namespace }, 'dc2', from ?? assert.fail(), config);
    assert.equal(name(remote, '', ''), 'b/db@dc2');
    assert.equal(name(remote, 'dc2', 'b'), 'b/db@dc2');
    assert.equal(name(remote, 'dc1', 'a'), 'db');
    assert.equal(name(remote, 'dc3', ''), undefined);
    assert.equal(name(home, '', 'c'), undefined);
    const single = configOf();
    const [only = assert.fail()] = realmsOf(single);
    assert.equal(upstreamName({ service: 'db', datacenter: 'dc1', namespace: 'default' }, 'dc1', only, single), 'db');
  });
});
