import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { mayHideHealth, withStatuses } from '../../../adapters/nacos/hidden-health.js';

const host = (ip: string, healthy = true) => ({ ip, port: 80, healthy });

describe('adapters/nacos: health that an answer over HTTP hides', () => {
  it('may be hidden only where all are called healthy and the server does not say that they are', () => {
    assert.equal(mayHideHealth({ hosts: [host('10.0.0.1')] }), true);
    assert.equal(mayHideHealth({ hosts: [host('10.0.0.1')], reachProtectionThreshold: true }), true);
    assert.equal(mayHideHealth({ hosts: [host('10.0.0.1')], reachProtectionThreshold: false }), false);
    assert.equal(mayHideHealth({ hosts: [host('10.0.0.1'), host('10.0.0.2', false)] }), false);
    for (const hosts of [[], undefined, 'x', [null], [{}]]) assert.equal(mayHideHealth({ hosts }), false);
  });

  it('is taken from the statuses, by address and port', () => {
    const info = { name: 'orders', hosts: [host('10.0.0.1'), host('2001:db8::1')] };
    assert.deepEqual(withStatuses(info, ['10.0.0.1:80_true', '2001:db8::1:80_false', '10.0.0.9:80_false']), {
      name: 'orders',
      hosts: [host('10.0.0.1'), host('2001:db8::1', false)],
      reachProtectionThreshold: true,
    });
    assert.equal(withStatuses(info, ['10.0.0.9:80_false'])['reachProtectionThreshold'], false);
  });

  it('stays as it is called when the statuses are anything else', () => {
    fc.assert(
      fc.property(fc.anything(), (statuses) => {
        assert.deepEqual(withStatuses({ hosts: [host('10.0.0.1')] }, statuses)['hosts'], [host('10.0.0.1')]);
      }),
    );
  });
});
