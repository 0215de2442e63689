import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Answer } from '../../../adapters/consul/client.js';
import { ConsulError } from '../../../adapters/consul/consul-error.js';
import { DeclaredConsumers, edgesOf } from '../../../adapters/consul/declared-consumers.js';
import {
  DeclaredProtocols,
  decodeProtocolEntries,
  protocolEntryKinds,
} from '../../../adapters/consul/declared-protocols.js';
import { decodeEntries } from '../../../adapters/consul/entries.js';
import type { Consumer } from '../../../core/plugin/index.js';
import { aRow } from './rows.js';

function answer(body: unknown, hidden: Answer['hidden'] = 'nothing'): Answer {
  return { index: 7, hidden, streamed: false, parse: () => body };
}

describe('adapters/consul: declared protocols', () => {
  it('tells which services are of another protocol now', () => {
    const declared = new DeclaredProtocols();
    const web = { Kind: 'service-defaults', Name: 'web', Protocol: 'GRPC' };
    assert.deepEqual([...declared.take('service-defaults', answer([web, { Name: 'db' }]))], ['web']);
    assert.deepEqual(declared.of('web'), { own: 'grpc', global: undefined });
    assert.deepEqual([...declared.take('service-defaults', answer([web]))], []);
    assert.equal(declared.take('proxy-defaults', answer([{ Name: 'global', Config: { protocol: 'http2' } }])), 'all');
    assert.deepEqual(declared.of('db'), { own: undefined, global: 'http2' });
    assert.deepEqual([...declared.take('service-defaults', answer(null))], ['web']);
    assert.equal(declared.take('proxy-defaults', answer([])), 'all');
    assert.deepEqual(declared.of('web'), { own: undefined, global: undefined });
  });

  it('takes nothing back because of what ACLs may have hidden', () => {
    for (const hidden of ['some', 'unknown'] as const) {
      const declared = new DeclaredProtocols();
      declared.take('service-defaults', answer([{ Name: 'web', Protocol: 'grpc' }]));
      declared.take('proxy-defaults', answer([{ Name: 'global', Config: { protocol: 'tcp' } }]));
      assert.deepEqual(
        [...declared.take('service-defaults', answer([{ Name: 'db', Protocol: 'tcp' }], hidden))],
        ['db'],
      );
      declared.take('proxy-defaults', answer([], hidden));
      assert.deepEqual(declared.of('web'), { own: 'grpc', global: 'tcp' });
      assert.deepEqual(declared.of('db'), { own: 'tcp', global: 'tcp' });
    }
  });

  it('takes no entry for more than it is, and fails by no other error than its own', () => {
    assert.equal(decodeProtocolEntries('proxy-defaults', [{ Name: 'global', Config: { protocol: ['tcp'] } }]).size, 0);
    assert.equal(decodeProtocolEntries('service-defaults', [{ Name: 'web', Protocol: 'carrier-pigeon' }]).size, 0);
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...protocolEntryKinds), (body, kind) => {
        try {
          decodeProtocolEntries(kind, body);
        } catch (error) {
          assert.ok(error instanceof ConsulError);
        }
      }),
    );
  });
});

describe('adapters/consul: declared consumers', () => {
  const proxy = (name: string, upstreams: unknown, node = 'host-1') =>
    aRow({
      node: { Node: node },
      service: {
        ...{ Kind: 'connect-proxy', ID: `${name}-proxy`, Service: `${name}-proxy` },
        Proxy: { DestinationServiceName: name, Upstreams: upstreams },
      },
    });
  const edges = (...rows: unknown[]) => edgesOf(decodeEntries(rows).entries, ({ service }) => service);
  const said = () => {
    const log: string[] = [];
    const consumers = new DeclaredConsumers((service, list: readonly Consumer[]) => {
      log.push(`${service}: ${list.map(({ application, id }) => `${application} ${id}`).join(', ')}`);
    });
    return { log, consumers };
  };

  it('are the proxied services, of upstreams that are services', () => {
    const declared = edges(
      proxy('web', [
        { DestinationType: 'service', DestinationName: 'db' },
        { DestinationName: 'db', LocalBindPort: 7 },
        { DestinationType: 'prepared_query', DestinationName: 'query' },
        { DestinationName: 'elsewhere', DestinationPeer: 'other' },
        { DestinationName: 7 },
        'no record',
      ]),
      proxy('odd', 'no list', 'host-2'),
    );
    assert.deepEqual([...declared.keys()], ['db']);
    assert.deepEqual(
      declared.get('db')?.map(({ id, application, address }) => ({ id, application, address })),
      [{ id: 'dc1/host-1/web-proxy', application: 'web', address: '10.0.0.1' }],
    );
  });

  it('are told whole for each service whose consumers have changed', () => {
    const { log, consumers } = said();
    consumers.set('dc1\nweb-proxy', edges(proxy('web', [{ DestinationName: 'db' }])));
    consumers.set('dc1\napi-proxy', edges(proxy('api', [{ DestinationName: 'db' }, { DestinationName: 'cache' }])));
    consumers.set('dc1\napi-proxy', edges(proxy('api', [{ DestinationName: 'db' }, { DestinationName: 'cache' }])));
    consumers.set('dc1\nplain', edges(aRow()));
    consumers.retain('dc1\n', (origin) => origin !== 'dc1\nweb-proxy');
    consumers.set('dc1\napi-proxy', edges(proxy('api', [{ DestinationName: 'cache' }])));
    assert.deepEqual(log, [
      'db: web dc1/host-1/web-proxy',
      'db: api dc1/host-1/api-proxy, web dc1/host-1/web-proxy',
      'cache: api dc1/host-1/api-proxy',
      'db: api dc1/host-1/api-proxy',
      'db: ',
    ]);
  });
});
