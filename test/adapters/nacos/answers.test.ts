import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { ProviderReader } from '../../../adapters/dubbo/provider.js';
import { consumersOf } from '../../../adapters/nacos/dubbo-consumers.js';
import {
  applicationInstances,
  type DubboReading,
  isApplication,
  providersOf,
} from '../../../adapters/nacos/dubbo-records.js';
import { StringPool } from '../../../adapters/nacos/metadata.js';
import { toRecords } from '../../../adapters/nacos/raw-records.js';
import { serviceAnswer } from '../../../adapters/nacos/subscriptions.js';
import { withHealth } from '../../../adapters/nacos/true-health.js';

const word = fc.oneof(
  fc.string(),
  fc.constantFrom('dubbo', 'tri', '0', 'true', '10.0.0.1', '[{"port":1,"protocol":"tri"}]'),
);
const metadata = fc.oneof(
  fc.dictionary(
    fc.oneof(
      fc.string(),
      fc.constantFrom(
        'protocol',
        'weight',
        'dubbo.metadata.revision',
        'dubbo.endpoints',
        'interface',
        'side',
        '__proto__',
      ),
    ),
    fc.oneof(word, fc.jsonValue()),
  ),
  fc.jsonValue(),
);
const host = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      ip: fc.oneof(fc.constantFrom('10.0.0.1', '::1', 'a.b', '0.0.0.0'), fc.jsonValue()),
      port: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.jsonValue()),
      weight: fc.oneof(fc.double(), fc.jsonValue()),
      healthy: fc.oneof(fc.boolean(), fc.jsonValue()),
      clusterName: fc.oneof(fc.string(), fc.jsonValue()),
      metadata,
    },
    { requiredKeys: [] },
  ),
);
const hosts = fc.array(host, { maxLength: 20 });

describe('adapters/nacos answers of any kind', () => {
  const reading = (): DubboReading => ({
    reader: new ProviderReader(),
    options: { clusters: { include: undefined, exclude: [] }, clusterLocality: 'zone' },
    pool: new StringPool(),
  });

  it('makes sound providers of anything, or rejects it with a reason', () => {
    fc.assert(
      fc.property(hosts, (list) => {
        const { providers, rejected } = providersOf({ interfaceName: 'a.B', version: '', group: '' }, list, reading());
        assert.ok(providers.length + rejected.length <= list.length);
        for (const { instance, interfaceName } of providers) {
          assert.equal(interfaceName, 'a.B');
          assert.ok(Number.isInteger(instance.weight) && instance.weight >= 0 && instance.weight <= 1_000_000);
          assert.ok(Object.keys(instance.metadata).length <= 256);
        }
        for (const { record, reason } of rejected) {
          assert.ok(reason !== '' && record.length <= 200);
          assert.doesNotMatch(record, /\p{Cc}/u);
        }
      }),
    );
  });

  it('makes sound instances of applications of anything', () => {
    fc.assert(
      fc.property(hosts, (list) => {
        const instances = applicationInstances('shop', list, reading());
        assert.ok(instances.length === 0 || isApplication(list));
        for (const { port, address, revision } of instances) {
          assert.ok(port >= 1 && port <= 65_535 && address !== '' && revision !== '');
        }
      }),
    );
  });

  it('makes records, consumers and health of anything, without what looks like a credential', () => {
    fc.assert(
      fc.property(hosts, (list) => {
        for (const { text, id } of toRecords(list, undefined)) {
          assert.ok(text.length <= 4096 && id.length <= 200);
          assert.doesNotMatch(text, /\p{Cc}/u);
        }
        const ids = consumersOf(list, new StringPool()).map((consumer) => consumer.id);
        assert.equal(new Set(ids).size, ids.length);
        assert.equal(withHealth(list, new Map([['10.0.0.1:80', false]])).length, list.length);
      }),
    );
  });

  it('takes for an answer what has a list of instances, and nothing else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const answer = serviceAnswer(value);
        const isOne = typeof value === 'object' && value !== null && 'hosts' in value && Array.isArray(value.hosts);
        assert.equal(answer !== undefined, isOne && !Array.isArray(value));
      }),
    );
  });
});
