import assert from 'node:assert/strict';
import { BlockList, isIPv4 } from 'node:net';
import fc from 'fast-check';
import type { Port } from '../../../core/model/index.js';
import { refusedBy } from '../../../core/shape/address-policy.js';
import { AddressSet } from '../../../core/shape/address-set.js';
import { shapePorts } from '../../../core/shape/port-rule.js';
import { relabel } from '../../../core/shape/relabel.js';

describe('relabelling', () => {
  const metadata = { version: '1', zone: 'z', 'internal.a': 'x', 'internal.b': 'y' };

  it('keeps, drops, maps and gives defaults, in this order', () => {
    const rule = {
      keep: ['version', 'internal.*'],
      drop: ['*.b'],
      map: { version: 'release', 'internal.b': 'late' },
      default: { release: 'never', env: 'prod' },
    };
    assert.deepEqual({ ...relabel(metadata, rule) }, { release: '1', 'internal.a': 'x', env: 'prod' });
  });

  it('gives the same object when nothing changes', () => {
    assert.equal(relabel(metadata, {}), metadata);
    assert.equal(relabel(metadata, { drop: ['other'], map: { other: 'more' }, default: { zone: 'w' } }), metadata);
  });

  it('lets a key that is there win over one that is mapped to it', () => {
    assert.deepEqual({ ...relabel({ old: 'a', new: 'b' }, { map: { old: 'new' } }) }, { new: 'b' });
  });

  it('knows keys that JavaScript has words for', () => {
    const odd = Object.assign(Object.create(null) as Record<string, string>, { constructor: 'a', ['__proto__']: 'b' });
    assert.equal(relabel({ a: 'b' }, { map: { toString: 'x' } })['a'], 'b');
    assert.deepEqual(Object.keys(relabel(odd, { drop: ['__proto__'] })), ['constructor']);
  });
});

describe('port rules', () => {
  const main: Port = { name: 'main', number: 80, protocol: 'http' };
  const admin: Port = { name: 'admin', number: 8081, protocol: 'http' };

  it('rename, retype, renumber and drop; the first that matches counts', () => {
    const rules = [
      { name: 'm*', as: 'grpc', protocol: 'grpc' as const, dial: 50_051 },
      { name: '*', drop: true },
    ];
    const { ports, renamed, problems } = shapePorts([main, admin], rules);
    assert.deepEqual(ports, [{ name: 'grpc', number: 50_051, protocol: 'grpc' }]);
    assert.deepEqual(
      [...renamed],
      [
        ['main', 'grpc'],
        ['admin', undefined],
      ],
    );
    assert.deepEqual(problems, []);
  });

  it('leave a port as it is rather than give two one name or number', () => {
    for (const rule of [
      { name: 'main', as: 'admin' },
      { name: 'main', dial: 8081 },
    ]) {
      const { ports, renamed, problems } = shapePorts([main, admin], [rule]);
      assert.deepEqual(ports, [main, admin]);
      assert.equal(renamed.size, 0);
      assert.match(problems[0] ?? '', /^port main cannot be (admin on 80|main on 8081): admin is there$/);
    }
  });

  it('give the same list when nothing changes, and never two ports of one name or number', () => {
    const ports = [main, admin];
    assert.equal(shapePorts(ports, [{ name: 'other', drop: true }]).ports, ports);
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const number = fc.integer({ min: 1, max: 5 });
    const port = fc.record({ name, number, protocol: fc.constant('http' as const) });
    const rule = fc.record({ name, as: name, dial: number, drop: fc.boolean() }, { requiredKeys: [] });
    const all = fc
      .array(port, { maxLength: 4 })
      .filter(
        (list) =>
          new Set(list.map((p) => p.name)).size === list.length &&
          new Set(list.map((p) => p.number)).size === list.length,
      );
    fc.assert(
      fc.property(all, fc.array(rule, { maxLength: 4 }), (list, rules) => {
        const shaped = shapePorts(list, rules).ports;
        assert.equal(new Set(shaped.map((p) => p.name)).size, shaped.length);
        assert.equal(new Set(shaped.map((p) => p.number)).size, shaped.length);
      }),
    );
  });
});

describe('addresses', () => {
  it('are found by themselves, by block and by name', () => {
    const set = new AddressSet(['10.1.0.0/16', '10.2.0.1', '2001:db8::/32', '*.corp', 'Orders.Local']);
    for (const address of ['10.1.255.1', '10.2.0.1', '2001:db8:1::1', 'a.b.corp', 'orders.local'])
      assert.ok(set.has(address), address);
    for (const address of ['10.2.0.2', '10.0.0.1', '2001:db9::1', 'corp', 'orders.local.x'])
      assert.ok(!set.has(address), address);
  });

  it('are found as BlockList of Node finds them', () => {
    const ipv4 = fc.ipV4().filter((address) => isIPv4(address));
    fc.assert(
      fc.property(ipv4, fc.nat(32), ipv4, fc.nat(32), (base, length, other, near) => {
        const blocks = new BlockList();
        blocks.addSubnet(base, length, 'ipv4');
        const set = new AddressSet([`${base}/${length}`]);
        const number = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
        const flipped = (number ^ (near === 32 ? 0 : 2 ** near)) >>> 0;
        const neighbour = [24, 16, 8, 0].map((shift) => (flipped >>> shift) & 255).join('.');
        for (const address of [base, other, neighbour]) {
          assert.equal(set.has(address), blocks.check(address, 'ipv4'), `${address} in ${base}/${length}`);
        }
      }),
    );
  });

  it('that are none are refused', () => {
    for (const entry of [
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0',
      '300.1.1.1',
      '',
      'a b',
      '::/129',
      '10.0.0.0/-1',
    ]) {
      assert.throws(() => new AddressSet([entry]), SyntaxError, entry);
    }
  });

  it('of this machine are let through only when that is asked for', () => {
    const none = new AddressSet([]);
    const policy = { allow: none, deny: none, loopback: false };
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'a.localhost']) {
      assert.match(refusedBy(policy, address) ?? '', /loopback/);
      assert.equal(refusedBy({ ...policy, loopback: true }, address), undefined);
      assert.equal(refusedBy({ ...policy, allow: new AddressSet([address]) }, address), undefined);
    }
    assert.equal(refusedBy(policy, '10.0.0.1'), undefined);
    assert.match(refusedBy({ ...policy, allow: new AddressSet(['10.0.0.0/8']) }, '11.0.0.1') ?? '', /not allowed/);
    const denied = { allow: new AddressSet(['10.0.0.0/8']), deny: new AddressSet(['10.0.0.0/24']), loopback: true };
    assert.match(refusedBy(denied, '10.0.0.1') ?? '', /denied/);
  });
});
