import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HostTemplate } from '../../../core/catalog/host-template.js';
import { LiveCatalog } from '../../../core/catalog/live-catalog.js';
import { hostOfTwin, Naming } from '../../../core/catalog/naming.js';
import { Readiness } from '../../../core/catalog/readiness.js';
import { anInstance, aService } from '../../support/model.js';

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

describe('aliases', () => {
  const rules = [
    {
      service: 'orders',
      host: new HostTemplate('{name}.mesh'),
      aliases: [new HostTemplate('{name}.legacy'), new HostTemplate('{group}.x')],
    },
  ];
  const naming = new Naming(rules, new Map([['a', new HostTemplate('{name}.mesh')]]));

  it('are further hosts of a service; one that cannot be made is told of', () => {
    assert.deepEqual(naming.hostsOf('a', aService('orders')), {
      hosts: ['orders.mesh', 'orders.legacy'],
      reasons: ['the naming template {group}.x needs group'],
    });
    assert.deepEqual(naming.hostsOf('a', aService('pay')), { hosts: ['pay.mesh'], reasons: [] });
    assert.deepEqual(naming.hostsOf('a', aService('!')).hosts, []);
  });

  it('come and go with the service, in the catalog', () => {
    const readiness = new Readiness([]);
    const catalog = new LiveCatalog({ sources: ['a'], naming, policyOf: () => ({ mode: 'union' }), readiness });
    catalog.apply('a', [['orders', aService('orders', [anInstance('1')])]]);
    assert.deepEqual([...catalog.snapshot().services.keys()].sort(), ['orders.legacy', 'orders.mesh']);
    catalog.apply('a', [['orders', undefined]]);
    assert.equal(catalog.snapshot().services.size, 0);
  });
});
