import assert from 'node:assert/strict';
import { Places } from '../../../adapters/zookeeper/places.js';
import { parseUnit, unitKey, unitsOf } from '../../../adapters/zookeeper/unit.js';

const places = new Places({
  chroot: '/prod',
  roots: ['/dubbo', '/gray'],
  servicesRoot: '/services',
  configRoot: '/dubbo/config',
  withMappings: true,
});

describe('Places', () => {
  it('watches no node below another', () => {
    assert.deepEqual(places.watched, ['/prod/dubbo', '/prod/gray', '/prod/services']);
    const apart = new Places({ chroot: '', roots: ['/a'], servicesRoot: '/a', configRoot: '/b', withMappings: false });
    assert.deepEqual(apart.watched, ['/a', '/b/dubbo']);
    const alone = new Places({
      chroot: '',
      roots: ['/a', '/ab'],
      servicesRoot: undefined,
      configRoot: undefined,
      withMappings: false,
    });
    assert.deepEqual(alone.watched, ['/a', '/ab']);
  });

  it('tells what a node is', () => {
    const place = (path: string) => JSON.stringify(places.locate(path));
    const expected: [string, unknown][] = [
      ['/prod/dubbo', { kind: 'root', root: 0 }],
      ['/prod/gray', { kind: 'root', root: 1 }],
      ['/prod/gray/a.B', { kind: 'interface', root: 1, name: 'a.B' }],
      ['/prod/dubbo/a.B/providers', { kind: 'interface', root: 0, name: 'a.B', category: 'providers' }],
      ['/prod/dubbo/a.B/routers/x%2F', { kind: 'interface', root: 0, name: 'a.B', category: 'routers', child: 'x%2F' }],
      ['/prod/services', { kind: 'applications' }],
      ['/prod/services/shop', { kind: 'application', name: 'shop' }],
      ['/prod/services/shop/10.0.0.1:1', { kind: 'application', name: 'shop', child: '10.0.0.1:1' }],
      ['/prod/gray/mapping', { kind: 'mappings', root: 1 }],
      ['/prod/gray/mapping/a.B', { kind: 'mapping', root: 1, name: 'a.B' }],
      ['/prod/dubbo/config/dubbo', { kind: 'rules' }],
      ['/prod/dubbo/config/dubbo/shop.tag-router', { kind: 'rule', name: 'shop.tag-router' }],
    ];
    for (const [path, where] of expected) assert.equal(place(path), JSON.stringify(where), path);
    for (const path of [
      '',
      '/',
      '/dubbo/a.B/providers',
      '/prod/dubbo2/a.B',
      '/prod/dubbo/a.B/providersX/c',
      '/prod/dubbo/metadata/a.B/providers/x',
      '/prod/dubbo/mapping/a.B/c',
      '/prod/dubbo/config/other/x',
    ]) {
      assert.equal(places.locate(path), undefined, path);
    }
    const others = new Places({
      ...{ chroot: '', roots: ['/dubbo'], servicesRoot: undefined, configRoot: undefined, withMappings: false },
    });
    assert.equal(others.locate('/dubbo/mapping/a.B'), undefined);
  });

  it('has each unit as a key and back', () => {
    for (const path of [
      ...['/prod/dubbo', '/prod/gray/a:B%2F', '/prod/services', '/prod/services/sh/op'],
      ...['/prod/dubbo/mapping', '/prod/gray/mapping/a:B%2F'],
      ...['/prod/dubbo/config/dubbo', '/prod/dubbo/config/dubbo/a/b.tag-router'],
    ]) {
      const place = places.locate(path);
      assert.ok(place);
      for (const unit of unitsOf(place)) assert.deepEqual(parseUnit(unitKey(unit)), unit);
    }
  });
});
