import assert from 'node:assert/strict';
import { Publication } from '../../../adapters/consul/publication.js';
import { Published } from '../../../adapters/consul/published.js';
import { Recorder } from '../../../testkit/index.js';
import { anInstance, aService } from '../../support/model.js';

const none = new Map<string, Error>();
const web = aService('web', [anInstance('a')]);
const db = aService('db', [anInstance('a')]);

describe('adapters/consul: what is published', () => {
  it('makes an empty service of one that a whole listing lacks, and forgets it after its time', () => {
    const published = new Published(1000);
    published.replace(new Map([['web', web]]), none, 0);
    const [empty] = published.replace(new Map(), none, 5000);
    assert.deepEqual(empty, { ...web, instances: [] });
    assert.deepEqual(published.replace(new Map(), none, 5500), [], 'it is empty already');
    assert.deepEqual(published.forget(5999), []);
    assert.deepEqual(published.forget(6000), ['web']);
    assert.equal(published.services.size, 0);
  });

  it('counts the time anew for a service that came back in between', () => {
    const published = new Published(1000);
    const empty = { ...web, instances: [] };
    published.set('web', empty, 0);
    published.set('web', web, 500);
    published.set('web', empty, 900);
    assert.deepEqual(published.forget(1500), []);
    assert.deepEqual(published.forget(1900), ['web']);
  });

  it('keeps a service whose records were all left out: it is in Consul', () => {
    const published = new Published(1000);
    published.set('web', { ...web, instances: [], rejected: [{ record: 'x', reason: 'y' }] }, 0);
    assert.deepEqual(published.forget(9000), []);
  });

  it('keeps a service that could not be read', () => {
    const published = new Published(1000);
    published.replace(new Map([['web', web]]), none, 0);
    assert.deepEqual(published.replace(new Map(), new Map([['web', new Error()]]), 1), []);
    assert.equal(published.services.get('web'), web);
  });

  it('publishes all datacenters at once when each was listed, and single services after', () => {
    const recorder = new Recorder();
    const one = { scope: 'dc1', published: new Published(1000) };
    const two = { scope: 'dc2', published: new Published(1000) };
    const publication = new Publication(recorder, [one, two]);
    publication.listed(one, one.published.replace(new Map([['web', web]]), none, 0), none);
    publication.changed(web);
    publication.degraded(one, new Error('gone again'));
    assert.equal(recorder.services.size, 0);
    publication.listed(
      two,
      two.published.replace(new Map([['db', db]]), none, 0),
      new Map([['service x', new Error('bad')]]),
    );
    assert.deepEqual([...recorder.services.keys()], ['web', 'db']);
    // The listing ends every degradation in the core, so what still holds has to be said again.
    assert.deepEqual([...recorder.degradedScopes.keys()].sort(), ['dc1', 'service x']);
    publication.listed(two, [], none);
    assert.deepEqual([...recorder.degradedScopes.keys()], ['dc1']);
    publication.listed(one, [{ ...web, instances: [] }], none);
    assert.equal(recorder.degradedScopes.size, 0);
    publication.removed('web');
    assert.deepEqual([...recorder.services.keys()], ['db']);
  });
});
