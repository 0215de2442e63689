import assert from 'node:assert/strict';
import fc from 'fast-check';
import { manifest, ownerLabels } from '../../../sinks/kubernetes/manifest.js';
import { observe } from '../../../sinks/kubernetes/observed.js';

const owner = { site: 'hz-1', sink: 'kubernetes' };
const wanted = manifest({
  ...{ kind: 'ServiceEntry', namespace: 'legacy', name: 'orders', host: 'orders' },
  labels: { ...ownerLabels(owner), team: 'a' },
  annotations: { 'isthmus.io/host': 'orders', 'isthmus.io/sources': 'nacos-hz,zk-hz' },
  spec: { hosts: ['orders'], ports: [{ number: 80, name: 'http' }] },
});

/** As the API gives it after it was applied. */
function applied(overrides: { metadata?: object; manager?: object; spec?: object } = {}): object {
  const fields = (values: object) => Object.fromEntries(Object.keys(values).map((key) => [`f:${key}`, {}]));
  const { labels, annotations } = wanted;
  const fieldsV1 = { 'f:metadata': { 'f:labels': fields(labels), 'f:annotations': fields(annotations) }, 'f:spec': {} };
  return {
    metadata: {
      ...{ name: 'orders', namespace: 'legacy', uid: 'u', resourceVersion: '5', labels, annotations },
      managedFields: [{ manager: 'isthmus/hz-1/kubernetes', operation: 'Apply', fieldsV1, ...overrides.manager }],
      ...overrides.metadata,
    },
    // In an order of its own.
    spec: overrides.spec ?? { ports: [{ name: 'http', number: 80 }], hosts: ['orders'] },
  };
}

const foreign = (object: object) => observe('ServiceEntry', object, owner)?.foreign;

describe('sinks/kubernetes: an object that the API has', () => {
  it('is as it should be when all that is ours in it is', () => {
    const observed = observe('ServiceEntry', applied(), owner);
    assert.equal(observed?.foreign, undefined);
    assert.equal(observed?.version, wanted.version);
    assert.deepEqual(observed?.sources, ['nacos-hz', 'zk-hz']);
    const theirs = { ...wanted.labels, theirs: 'x' };
    assert.equal(observe('ServiceEntry', applied({ metadata: { labels: theirs } }), owner)?.version, wanted.version);
    const changed = { ...wanted.labels, team: 'b' };
    assert.notEqual(
      observe('ServiceEntry', applied({ metadata: { labels: changed } }), owner)?.version,
      wanted.version,
    );
    assert.notEqual(observe('ServiceEntry', applied({ spec: { hosts: ['x'] } }), owner)?.version, wanted.version);
  });

  it('is foreign without our labels, or when it was not applied by our field manager', () => {
    assert.match(foreign(applied({ metadata: { labels: {} } })) ?? '', /not made by Isthmus/);
    assert.match(foreign(applied({ metadata: { managedFields: [] } })) ?? '', /a copy/);
    assert.match(foreign(applied({ metadata: { managedFields: undefined } })) ?? '', /a copy/);
    assert.match(foreign(applied({ manager: { operation: 'Update' } })) ?? '', /a copy/);
    assert.match(foreign(applied({ manager: { manager: 'kubectl' } })) ?? '', /a copy/);
    assert.match(foreign(applied({ manager: { subresource: 'status' } })) ?? '', /a copy/);
    const other = { ...wanted.labels, 'isthmus.io/owner': 'other' };
    assert.match(foreign(applied({ metadata: { labels: other } })) ?? '', /site hz-1, sink other/);
  });

  it('may be any JSON', () => {
    const json = fc.jsonValue({ maxDepth: 5 });
    const key = fc.constantFrom(
      'name',
      'labels',
      'annotations',
      'managedFields',
      'uid',
      'resourceVersion',
      '__proto__',
    );
    const bent = fc.oneof(
      json,
      fc.tuple(key, json).map(([name, value]) => applied({ metadata: { [name]: value } })),
      fc
        .tuple(fc.constantFrom('fieldsV1', 'manager', 'operation'), json)
        .map(([name, value]) => applied({ manager: { [name]: value } })),
      fc.dictionary(fc.string(), json).map((spec) => applied({ spec })),
    );
    fc.assert(
      fc.property(bent, (object) => {
        const observed = observe('ServiceEntry', object, owner);
        if (observed === undefined || observed.foreign !== undefined) return;
        // Whatever is taken for ours has our labels.
        const { labels } = (object as { metadata: { labels: Record<string, string> } }).metadata;
        for (const [name, value] of Object.entries(ownerLabels(owner))) assert.equal(labels[name], value);
      }),
      { numRuns: 1000 },
    );
  });
});
