import assert from 'node:assert/strict';
import fc from 'fast-check';
import { consumersByService, readConsumers } from '../../../adapters/zookeeper/consumers.js';

const never = new AbortController().signal;
const child = (host: string, query: string, protocol = 'consumer') =>
  encodeURIComponent(`${protocol}://${host}/lab.api.Greet?application=cart&side=consumer${query}`);
const nameOf = ({ version, group }: { version: string; group: string }) => `${version}/${group}`;

describe('consumers', () => {
  it('reads who consumes what, in both of the forms that Dubbo writes', async () => {
    const records = await readConsumers(
      [
        child('10.0.0.1', '&version=1&group=g&release=3.3.6&timestamp=1700000000000'),
        child('10.0.0.2', '&category=consumers&protocol=tri', 'dubbo'),
        child('bad host', '&token=S3CRET'),
        child('10.0.0.4', '&category=providers', 'dubbo'),
        'garbage',
      ],
      never,
    );
    assert.deepEqual(
      records.map(({ version, group, consumer }) => [
        version,
        group,
        { ...consumer, metadata: { ...consumer.metadata } },
      ]),
      [
        [
          ...['1', 'g'],
          {
            id: 'cart@10.0.0.1#1700000000000',
            application: 'cart',
            address: '10.0.0.1',
            metadata: { release: '3.3.6' },
          },
        ],
        [
          ...['', ''],
          { id: 'cart@10.0.0.2#0', application: 'cart', address: '10.0.0.2', metadata: { protocol: 'tri' } },
        ],
        [...['', ''], { id: 'cart@#0', application: 'cart', address: '', metadata: {} }],
      ],
    );
    assert.doesNotMatch(JSON.stringify(records), /S3CRET/);
  });

  it('counts one that asks for any version or several groups with the services there are', async () => {
    const records = await readConsumers(
      [
        child('10.0.0.1', '&version=*&group=*'),
        child('10.0.0.2', '&version=1&group=a,b'),
        child('10.0.0.3', '&version=9'),
      ],
      never,
    );
    const known = [
      { version: '1', group: 'a' },
      { version: '2', group: 'c' },
    ];
    const byService = consumersByService(records, known, nameOf);
    const shown = [...byService].map(([name, list]) => [name, list.map(({ address }) => address)]);
    assert.deepEqual(Object.fromEntries(shown), {
      '1/a': ['10.0.0.1', '10.0.0.2'],
      '2/c': ['10.0.0.1'],
      '9/': ['10.0.0.3'],
    });
  });

  it('has each id once, and takes whatever names nodes have', async () => {
    const query = fc.webQueryParameters();
    const names = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      query.map((text) => child('10.0.0.1', `&${text}`)),
      fc.webUrl().map(encodeURIComponent),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(names, { maxLength: 8 }), async (children) => {
        const byService = consumersByService(
          await readConsumers(children, never),
          [{ version: '1', group: '' }],
          nameOf,
        );
        for (const list of byService.values()) {
          assert.equal(new Set(list.map(({ id }) => id)).size, list.length);
        }
      }),
    );
  });
});
