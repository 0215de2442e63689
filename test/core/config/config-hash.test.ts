import assert from 'node:assert/strict';
import { HostTemplate } from '../../../core/catalog/host-template.js';
import type { Config } from '../../../core/config/config.js';
import { configHash } from '../../../core/config/config-hash.js';
import { Secret } from '../../../core/config/secret.js';
import { AddressSet } from '../../../core/shape/address-set.js';

describe('the hash of a configuration', () => {
  const hashOf = (part: object) => configHash(part as Config);

  it('is that of what it says, and not of a secret', () => {
    assert.equal(hashOf({ site: 'a' }), hashOf({ site: 'a' }));
    assert.match(hashOf({ site: 'a' }), /^[A-Za-z0-9_-]{22}$/);
    assert.equal(hashOf({ token: new Secret('one') }), hashOf({ token: new Secret('two') }));
    for (const [one, other] of [
      [{ site: 'a' }, { site: 'b' }],
      [{ host: new HostTemplate('{name}.a') }, { host: new HostTemplate('{name}.b') }],
      [{ deny: new AddressSet(['10.0.0.0/8']) }, { deny: new AddressSet(['10.0.0.0/9']) }],
      [{ pattern: /a/ }, { pattern: /b/ }],
    ] as const) {
      assert.notEqual(hashOf(one), hashOf(other));
    }
  });
});
