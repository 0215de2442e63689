import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hostOfTwin } from '../../../core/catalog/naming.js';

describe('hostOfTwin', () => {
  it('puts a digest of the registry name on the first label', () => {
    assert.match(hostOfTwin('orders.mesh', 'Orders'), /^orders-[0-9a-f]{8}\.mesh$/);
    assert.notEqual(hostOfTwin('orders.mesh', 'Orders'), hostOfTwin('orders.mesh', 'ORDERS'));
  });

  it('is a DNS name, however long the host is', () => {
    const label = fc.integer({ min: 1, max: 63 }).map((length) => 'a'.repeat(length));
    const host = fc.array(label, { minLength: 1, maxLength: 60 }).map((labels) => labels.join('.').slice(0, 253));
    fc.assert(
      fc.property(host, (name) => {
        const twin = hostOfTwin(name.replace(/\.+$/, ''), 'Twin');
        assert.ok(twin.length <= 253, `${twin.length}`);
        for (const part of twin.split('.')) assert.match(part, /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
      }),
    );
  });
});
