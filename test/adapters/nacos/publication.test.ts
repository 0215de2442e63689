import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { toService } from '../../../adapters/nacos/convert.js';
import { StringPool } from '../../../adapters/nacos/metadata.js';
import { Publication } from '../../../adapters/nacos/publication.js';
import { Recorder } from '../../../testkit/index.js';

const pool = new StringPool();
const service = (namespace: string, name: string, ...ips: string[]) =>
  toService(
    { namespace, group: 'G', name },
    ips.map((ip) => ({ ip, port: 80 })),
    {
      clusters: { include: undefined, exclude: [] },
      clusterLocality: 'none',
      protocol: 'http',
      servicePort: undefined,
    },
    pool,
  );
const make = (...namespaces: string[]) => {
  const recorder = new Recorder();
  const publication = new Publication(recorder);
  publication.namespacesKnown(namespaces);
  return { recorder, publication };
};
const events = ({ events: all }: Recorder) =>
  all.map((event) =>
    event.kind === 'replaceAll'
      ? `replaceAll ${[...event.services.keys()].join()}`
      : `${event.kind} ${event.kind === 'upsert' ? event.service.name : 'name' in event ? event.name : 'scope' in event ? event.scope : ''}`,
  );
const ips = (recorder: Recorder, name: string) =>
  recorder.services
    .get(name)
    ?.instances.map(({ address }) => address)
    .join();

describe('adapters/nacos publication', () => {
  it('publishes nothing before every namespace is complete, and then all at once', () => {
    const { recorder, publication } = make('a', 'b');
    publication.put('a', service('a', 's', '10.0.0.1'));
    publication.complete('a');
    publication.put('b', service('b', 's', '10.0.0.2'));
    assert.deepEqual(events(recorder), []);
    publication.complete('b');
    assert.deepEqual(events(recorder), ['replaceAll a@@G@@s,b@@G@@s']);
    publication.put('a', service('a', 's', '10.0.0.3'));
    publication.remove('b', 'b@@G@@s');
    assert.deepEqual(events(recorder).slice(1), ['upsert a@@G@@s', 'remove b@@G@@s']);
  });

  it('does not let a namespace that fails hold up the others, nor call them the whole', () => {
    const { recorder, publication } = make('a', 'b');
    publication.put('a', service('a', 's', '10.0.0.1'));
    publication.failed('b', new Error('refused'));
    assert.deepEqual(events(recorder), ['degraded b'], 'one is still being read');
    publication.complete('a');
    assert.deepEqual(events(recorder).slice(1), ['upsert a@@G@@s']);
    assert.equal(recorder.synced, false);
    publication.complete('b');
    assert.deepEqual(events(recorder).slice(2), ['replaceAll a@@G@@s']);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('keeps what a failing namespace held, and recovers it alone while another fails', () => {
    const { recorder, publication } = make('a', 'b');
    for (const namespace of ['a', 'b']) {
      publication.put(namespace, service(namespace, 's', '10.0.0.1'));
      publication.complete(namespace);
    }
    for (const namespace of ['a', 'b']) publication.failed(namespace, new Error('lost'));
    publication.complete('a');
    assert.deepEqual([...recorder.degradedScopes.keys()], ['b']);
    assert.equal(recorder.services.size, 2);
    publication.complete('b');
    assert.equal(events(recorder).at(-1), 'replaceAll a@@G@@s,b@@G@@s');
  });

  it('holds back services that lose instances, and only those, until it is told to release them', () => {
    const { recorder, publication } = make('a');
    for (const name of ['s', 't', 'u']) publication.put('a', service('a', name, '10.0.0.1', '10.0.0.2'));
    publication.complete('a');
    publication.failed('a', new Error('lost'));
    publication.hold('a');
    publication.put('a', service('a', 's', '10.0.0.1'));
    publication.put('a', service('a', 't', '10.0.0.1', '10.0.0.2', '10.0.0.3'));
    publication.remove('a', 'a@@G@@u');
    assert.equal(publication.held('a'), 2);
    assert.equal(ips(recorder, 'a@@G@@s'), '10.0.0.1,10.0.0.2');
    assert.equal(ips(recorder, 'a@@G@@t'), '10.0.0.1,10.0.0.2,10.0.0.3');
    assert.equal(ips(recorder, 'a@@G@@u'), '10.0.0.1,10.0.0.2');
    publication.put('a', service('a', 's', '10.0.0.1', '10.0.0.2'));
    assert.equal(publication.held('a'), 1);
    publication.release('a');
    assert.equal(ips(recorder, 'a@@G@@s'), '10.0.0.1,10.0.0.2');
    assert.equal(recorder.services.has('a@@G@@u'), false);
  });

  it('forgets what was held back when the connection is lost again', () => {
    const { recorder, publication } = make('a');
    publication.put('a', service('a', 's', '10.0.0.1'));
    publication.complete('a');
    publication.hold('a');
    publication.put('a', service('a', 's'));
    publication.hold('a');
    publication.release('a');
    assert.equal(ips(recorder, 'a@@G@@s'), '10.0.0.1');
  });

  it('is no whole while the namespaces themselves are not known', () => {
    const recorder = new Recorder();
    const publication = new Publication(recorder);
    publication.namespacesFailed(new Error('no such API'), ['public']);
    publication.put('public', service('public', 's', '10.0.0.1'));
    publication.complete('public');
    assert.deepEqual(events(recorder), ['degraded namespaces', 'upsert public@@G@@s']);
    publication.namespacesKnown(['public']);
    assert.equal(events(recorder).at(-1), 'replaceAll public@@G@@s');
  });

  it('removes the services of a namespace that is gone', () => {
    const { recorder, publication } = make('a', 'b');
    for (const namespace of ['a', 'b']) {
      publication.put(namespace, service(namespace, 's', '10.0.0.1'));
      publication.complete(namespace);
    }
    publication.failed('b', new Error('lost'));
    publication.namespacesKnown(['a']);
    assert.deepEqual([...recorder.services.keys()], ['a@@G@@s']);
    assert.equal(recorder.degradedScopes.size, 0);
  });
});
