import assert from 'node:assert/strict';
import { Publication } from '../../../adapters/consul/publication.js';
import { Published } from '../../../adapters/consul/published.js';
import { emptyMetadata, type Service } from '../../../core/plugin/index.js';

/** What is told to the core, in order. */
function recording() {
  const told: string[] = [];
  const out = {
    published: () => new Map<string, Service>(),
    replaceAll: (services: Iterable<Service>) => told.push(`all ${[...services].map(({ name }) => name).join()}`),
    upsert: ({ name }: Service) => told.push(`upsert ${name}`),
    remove: (name: string) => told.push(`remove ${name}`),
    degraded: (reason: Error, scope = '') => told.push(`degraded ${scope} ${reason.message}`),
    recovered: (scope = '') => told.push(`recovered ${scope}`),
    notice: () => undefined,
    consumers: () => undefined,
    audited: () => undefined,
  };
  return { out, take: () => told.splice(0) };
}

/** One and the same each time, as a session gives what did not change. */
const made = new Map<string, Service>();
function service(name: string): Service {
  const known = made.get(name) ?? aService(name);
  made.set(name, known);
  return known;
}

function aService(name: string): Service {
  return { name, attributes: emptyMetadata, ports: [], instances: [], metadata: emptyMetadata };
}

describe('adapters/consul: what is told of a datacenter', () => {
  it('does not repeat, after a listing, a failure that the listing has ended', () => {
    const { out, take } = recording();
    const datacenter = { scope: undefined, published: new Published(0) };
    const publication = new Publication(out, [datacenter]);
    publication.degraded(datacenter, new Error('down'));
    publication.listed(datacenter, [], new Map([['service web', new Error('hidden')]]));
    const told = take();
    const after = told.slice(told.indexOf('all '));
    assert.ok(after.includes('degraded service web hidden'));
    assert.ok(!after.includes('degraded  down'), told.join());
  });
});

describe('adapters/consul: what is told of several datacenters', () => {
  const none = new Map<string, Error>();
  const setUp = () => {
    const { out, take } = recording();
    const [one, two, three] = ['dc1', 'dc2', 'dc3'].map((scope) => ({ scope, published: new Published(0) }));
    assert.ok(one && two && three);
    const publication = new Publication(out, [one, two, three]);
    const list = (datacenter: typeof one, ...names: string[]) => {
      const services = new Map(names.map((name) => [name, service(name)]));
      publication.listed(datacenter, datacenter.published.replace(services, none, 0), none);
    };
    return { publication, take, one, two, three, list };
  };

  it('is nothing before each was listed or has failed, and everything at once where all were listed', () => {
    const { publication, take, one, two, three, list } = setUp();
    list(one, 'a');
    publication.changed(service('a'));
    list(two, 'b');
    assert.deepEqual(take(), []);
    list(three, 'c');
    assert.deepEqual(take(), ['all a,b,c']);
    publication.changed(service('a'));
    publication.removed('b');
    assert.deepEqual(take(), ['upsert a', 'remove b']);
  });

  it('is no claim to be complete while one is away, and every change of the others', () => {
    const { publication, take, one, two, three, list } = setUp();
    list(one, 'a');
    publication.degraded(three, new Error('away'));
    publication.degraded(two, new Error('hidden'), 'service b');
    assert.deepEqual(take(), ['degraded dc3 away', 'degraded service b hidden']);
    publication.degraded(two, new Error('away'));
    assert.deepEqual(take(), ['degraded dc2 away', 'upsert a']);
    publication.changed(service('a'));
    publication.degraded(three, new Error('away still'));
    assert.deepEqual(take(), ['upsert a', 'degraded dc3 away still']);
    list(two, 'b');
    assert.deepEqual(take(), ['upsert b', 'recovered service b', 'recovered dc2']);
    list(one, 'a', 'a2');
    assert.deepEqual(take(), ['upsert a2']);
    list(three, 'c');
    assert.deepEqual(take(), ['recovered dc3', 'all a,a2,b,c']);
    list(three, 'c', 'c2');
    assert.deepEqual(take(), ['upsert c2']);
  });

  it('is, in a new run, no more of one that was never listed in it than before', () => {
    const { take, one, two, three, list } = setUp();
    list(one, 'a');
    list(two, 'b');
    list(three, 'c');
    take();
    const { out, take: takeAgain } = recording();
    const again = new Publication(out, [one, two, three]);
    for (const datacenter of [two, three]) again.degraded(datacenter, new Error('away'));
    again.listed(one, [], none);
    assert.deepEqual(takeAgain(), ['degraded dc2 away', 'degraded dc3 away', 'upsert a']);
  });
});
