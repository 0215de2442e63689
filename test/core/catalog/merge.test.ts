import assert from 'node:assert/strict';
import { activeInstances, type CatalogService } from '../../../core/catalog/catalog.js';
import { type Contribution, mergeHost } from '../../../core/catalog/merge.js';
import { anInstance, aService } from '../../support/model.js';

const host = 'orders.mesh';

function contribution(source: string, ...instances: Parameters<typeof anInstance>[]): Contribution {
  return {
    source,
    service: aService(
      'orders',
      instances.map((args) => anInstance(...args)),
    ),
  };
}

function served(service: CatalogService): string[] {
  return [...activeInstances(service)].map(({ instance, source }) => `${source}/${instance.id}`);
}

describe('mergeHost', () => {
  it('keeps the very instances of a single source', () => {
    const only = contribution('a', ['1']);
    const { service, clashes } = mergeHost(host, [only], { mode: 'refuse' });
    assert.equal(service.origins[0]?.instances, only.service.instances);
    assert.deepEqual(clashes, []);
  });

  it('unites sources and takes one endpoint that is in both only once', () => {
    const { service } = mergeHost(
      host,
      [
        contribution('a', ['1', { address: '10.0.0.1' }]),
        contribution('b', ['x', { address: '10.0.0.1' }], ['y', { address: '10.0.0.2' }]),
      ],
      { mode: 'union' },
    );
    assert.deepEqual(served(service), ['a/1', 'b/y']);
  });

  it('takes of one endpoint in two sources the record that can serve', () => {
    const { service } = mergeHost(
      host,
      [
        contribution('a', ['1', { address: '10.0.0.1', health: 'unhealthy' }]),
        contribution('b', ['x', { address: '10.0.0.1' }]),
        contribution('c', ['z', { address: '10.0.0.1' }]),
      ],
      { mode: 'union' },
    );
    assert.deepEqual(served(service), ['b/x']);
  });

  describe('prefer', () => {
    const prefer = { mode: 'prefer', sources: ['b', 'a'] } as const;

    it('takes the first source in order that can serve', () => {
      const { service, clashes } = mergeHost(host, [contribution('a', ['1']), contribution('b', ['2'])], prefer);
      assert.deepEqual(served(service), ['b/2']);
      assert.deepEqual(clashes, []);
    });

    it('falls back when the first has no healthy instance', () => {
      for (const overrides of [{ health: 'unhealthy' }, { health: 'draining' }, { weight: 0 }] as const) {
        const { service } = mergeHost(host, [contribution('a', ['1']), contribution('b', ['2', overrides])], prefer);
        assert.deepEqual(served(service), ['a/1']);
      }
      const { service } = mergeHost(host, [contribution('a', ['1']), contribution('b')], prefer);
      assert.deepEqual(served(service), ['a/1']);
    });

    it('stays with the first when nobody can serve', () => {
      const { service } = mergeHost(
        host,
        [contribution('a'), contribution('b', ['2', { health: 'unhealthy' }])],
        prefer,
      );
      assert.deepEqual(served(service), ['b/2']);
    });

    it('keeps the ports of a fallback, so that falling back changes endpoints only', () => {
      const grpc = [{ name: 'grpc', number: 9090, protocol: 'grpc' }] as const;
      const other = { source: 'a', service: aService('orders', [anInstance('1')], { ports: grpc }) };
      const { service } = mergeHost(host, [other, contribution('b', ['2'])], prefer);
      assert.deepEqual(
        service.ports.map(({ name }) => name),
        ['http', 'grpc'],
      );
    });
  });

  it('refuses to mix and reports it', () => {
    const { service, clashes } = mergeHost(host, [contribution('a', ['1']), contribution('b', ['2'])], {
      mode: 'refuse',
    });
    assert.deepEqual(served(service), ['a/1']);
    assert.match(clashes[0] ?? '', /a and b have this host/);
  });

  it('reports ports that do not agree', () => {
    const { clashes, service } = mergeHost(
      host,
      [
        contribution('a', ['1']),
        {
          source: 'b',
          service: aService('orders', [], {
            ports: [
              { name: 'http', number: 81, protocol: 'tcp' },
              { name: 'x', number: 80, protocol: 'tcp' },
            ],
          }),
        },
      ],
      { mode: 'union' },
    );
    assert.equal(clashes.length, 2);
    assert.deepEqual(service.ports, [{ name: 'http', number: 80, protocol: 'http' }]);
  });
});

describe('the version of a catalog service', () => {
  const versionOf = (...contributions: Contribution[]) =>
    mergeHost(host, contributions, { mode: 'union' }).service.version;

  it('is equal for equal content, whatever the order of keys', () => {
    assert.equal(
      versionOf(contribution('a', ['1', { metadata: { x: '1', y: '2' } }])),
      versionOf(contribution('a', ['1', { metadata: { y: '2', x: '1' } }])),
    );
    assert.match(versionOf(contribution('a', ['1'])), /^[A-Za-z0-9_-]{22}$/);
  });

  it('differs for whatever differs', () => {
    const versions = [
      versionOf(contribution('a', ['1'])),
      versionOf(contribution('a', ['2'])),
      versionOf(contribution('b', ['1'])),
      versionOf(contribution('a', ['1', { address: '10.0.0.9' }])),
      versionOf(contribution('a', ['1', { ports: { http: 1 } }])),
      versionOf(contribution('a', ['1', { health: 'unhealthy' }])),
      versionOf(contribution('a', ['1', { weight: 99 }])),
      versionOf(contribution('a', ['1', { metadata: { a: 'b' } }])),
      versionOf(contribution('a', ['1', { locality: { region: 'r', zone: '', subzone: '' } }])),
      versionOf(contribution('a', ['1', { network: 'n' }])),
      versionOf(contribution('a')),
    ];
    assert.equal(new Set(versions).size, versions.length);
  });
});
