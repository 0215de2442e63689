import assert from 'node:assert/strict';
import { RegistryPaths } from '../../../adapters/zookeeper/registry-paths.js';

describe('RegistryPaths', () => {
  it('names the places of an interface', () => {
    const paths = new RegistryPaths('/prod/dubbo');
    assert.equal(paths.interface('a.B'), '/prod/dubbo/a.B');
    assert.equal(paths.providers('a.B'), '/prod/dubbo/a.B/providers');
  });

  it('finds the interface whose providers an event concerns, and no other', () => {
    const paths = new RegistryPaths('/dubbo');
    for (const path of ['/dubbo/a.B', '/dubbo/a.B/providers', '/dubbo/a.B/providers/dubbo%3A%2F%2Fh']) {
      assert.equal(paths.interfaceOf(path), 'a.B', path);
    }
    for (const path of [
      '/',
      '/dubbo',
      '/dubbo/',
      '/dubbo2/a.B',
      '/other/a.B/providers',
      '/dubbo/a.B/consumers',
      '/dubbo/a.B/consumers/providers',
      '/dubbo/a.B/providersX/c',
      '/dubbo/a.B/configurators/override%3A%2F%2F',
      '/dubbo/metadata/a.B/providers/x',
    ]) {
      assert.equal(paths.interfaceOf(path), undefined, path);
    }
  });
});
