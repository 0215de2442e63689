import assert from 'node:assert/strict';
import { consulSchema } from '../../../adapters/consul/config.js';
import { adoptEarlier } from '../../../adapters/consul/earlier.js';
import { realmsOf } from '../../../adapters/consul/realm.js';
import type { Metadata } from '../../../core/model/index.js';
import { aService } from '../../support/model.js';

const configOf = (more: object = {}) => consulSchema.parse({ servers: ['http://127.0.0.1:8500'], ...more });
const named = (published: string, attributes: Metadata) => aService(published, [], { attributes });

describe('adapters/consul: what an earlier process published', () => {
  it('is known in the datacenter and the namespace that it is of', () => {
    const config = configOf({ datacenters: ['dc1', 'dc2'], namespaces: ['a', 'b'] });
    const realms = realmsOf(config);
    const earlier = [
      named('web', { name: 'web' }),
      named('b/web', { name: 'web', namespace: 'b' }),
      named('web@dc2', { name: 'web', datacenter: 'dc2' }),
      named('web@dc3', { name: 'web', datacenter: 'dc3' }),
      named('nameless', {}),
    ];
    adoptEarlier(realms, earlier, config, 0);
    const known = realms.map(({ published }) => [...published.services].map(([name, { name: full }]) => [name, full]));
    assert.deepEqual(known, [[['web', 'web']], [['web', 'b/web']], [['web', 'web@dc2']], []]);
  });

  it('is not taken over where the configuration leaves it out', () => {
    const config = configOf({ exclude: ['old-*'], tags: ['mesh'] });
    const [realm = assert.fail()] = realmsOf(config);
    const earlier = [
      named('web', { name: 'web', tags: 'mesh,v2' }),
      named('db', { name: 'db', tags: 'v2' }),
      named('old-web', { name: 'old-web', tags: 'mesh' }),
    ];
    adoptEarlier([realm], earlier, config, 0);
    assert.deepEqual([...realm.published.services.keys()], ['web']);
  });

  it('is of no account to what was published since', () => {
    const config = configOf();
    const [realm = assert.fail()] = realmsOf(config);
    realm.published.set('db', named('db', { name: 'db' }), 0);
    adoptEarlier([realm], [named('web', { name: 'web' })], config, 0);
    assert.deepEqual([...realm.published.services.keys()], ['db']);
  });
});
