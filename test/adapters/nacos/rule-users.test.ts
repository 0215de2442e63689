import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'mocha';
import { type DubboName, formatDubboName } from '../../../adapters/nacos/dubbo.js';
import { RuleUsers } from '../../../adapters/nacos/rule-users.js';

describe('adapters/nacos users of rules', () => {
  let watched: Set<string>;
  let users: RuleUsers;
  const service = (name: string): DubboName => ({ interfaceName: `com.foo.${name}`, version: '', group: '' });
  const make = (maxRetired: number) =>
    new RuleUsers(
      {
        watchService: (name) => watched.add(formatDubboName(name)),
        watchApplication: (name) => watched.add(name),
        unwatchService: (name) => assert.ok(watched.delete(formatDubboName(name))),
        unwatchApplication: (name) => assert.ok(watched.delete(name)),
      },
      maxRetired,
    );
  const known = (name: string, applications: readonly string[], group = 'G') =>
    users.known(group, service(name), new Set(applications));

  beforeEach(() => {
    watched = new Set();
    users = make(0);
  });

  it('are services and their applications, and what has no user left is not watched', () => {
    known('A', ['shop', '']);
    known('A', ['shop'], 'other');
    known('B', ['shop', 'basket']);
    assert.deepEqual([...watched], ['providers:com.foo.A::', 'shop', 'providers:com.foo.B::', 'basket']);
    users.gone('G', service('A'));
    users.gone('G', service('A'));
    assert.equal(watched.size, 4, 'another group has the service still');
    users.gone('other', service('A'));
    assert.deepEqual([...watched], ['shop', 'providers:com.foo.B::', 'basket']);
    users.gone('G', service('B'));
    assert.deepEqual([...watched], []);
    known('B', ['basket']);
    assert.deepEqual([...watched], ['providers:com.foo.B::', 'basket']);
  });

  it('keep the applications of a service that has no provider for a time, and of many past ones the latest', () => {
    known('A', ['shop', 'basket']);
    known('A', []);
    known('A', ['basket']);
    assert.ok(watched.has('shop') && watched.has('basket'));
    for (let release = 0; release < 50; release++) known('A', ['basket', `shop-${release}`]);
    assert.deepEqual([watched.has('shop'), watched.has('basket')], [false, true]);
    assert.equal(watched.size, 1 + 1 + 1 + 8);
    assert.ok(watched.has('shop-41') && !watched.has('shop-40'));
  });

  it('are watched for a while after they went, for they may be back', () => {
    users = make(3);
    for (const name of ['A', 'B']) {
      known(name, [`app-${name}`]);
      users.gone('G', service(name));
    }
    assert.deepEqual([...watched], ['providers:com.foo.A::', 'providers:com.foo.B::', 'app-B']);
    known('A', ['app-A']);
    known('C', []);
    users.gone('G', service('C'));
    users.gone('G', service('B'));
    assert.deepEqual([...watched].sort(), [
      'app-A',
      'app-B',
      'providers:com.foo.A::',
      'providers:com.foo.B::',
      'providers:com.foo.C::',
    ]);
  });
});
