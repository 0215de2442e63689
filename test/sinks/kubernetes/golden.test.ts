import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { DesiredObjects, type DesiredOptions } from '../../../sinks/kubernetes/desired.js';
import { versionOf } from '../../../sinks/kubernetes/manifest.js';
import { istioOptions } from '../support/istio.js';

const inputs = fileURLToPath(new URL('../istio/golden/', import.meta.url));
const outputs = fileURLToPath(new URL('golden/', import.meta.url));
const update = process.env['UPDATE_GOLDEN'] === '1';

interface Case {
  readonly about: string;
  readonly options?: Partial<DesiredOptions>;
  readonly service: CatalogService;
}

function objectsOf({ service, options }: Case, endpoints: DesiredOptions['endpoints']): object {
  const desired = new DesiredObjects(
    { ...istioOptions(options), endpoints },
    { site: 'hz-1', sink: 'kubernetes' },
    { onInvalid: () => undefined },
  );
  desired.apply({ revision: 1, reset: true, upserts: [service], removes: [] });
  const refused = desired.invalid.get(service.host);
  return refused ? { refused } : { objects: Object.fromEntries(desired.manifests) };
}

/** The cases of the MCP sink: what it serves is what is written here. `golden/<name>.json` is rewritten with UPDATE_GOLDEN=1. */
describe('catalog service → objects of Kubernetes, golden files', () => {
  const known = (dir: string, pattern: RegExp) => readdirSync(dir).flatMap((file) => pattern.exec(file)?.[1] ?? []);
  const names = update ? known(inputs, /^(.+)\.in\.json$/) : known(outputs, /^(.+)\.json$/);
  assert.ok(names.length > 10);
  for (const name of names) {
    const input = JSON.parse(readFileSync(`${inputs}${name}.in.json`, 'utf8')) as Case;
    it(`${name}: ${input.about}`, () => {
      const output = {
        inline: objectsOf(input, 'inline'),
        'workload-entries': objectsOf(input, 'workload-entries'),
      };
      if (update) writeFileSync(`${outputs}${name}.json`, `${JSON.stringify(output, null, 2)}\n`);
      assert.deepEqual(JSON.parse(JSON.stringify(output)), JSON.parse(readFileSync(`${outputs}${name}.json`, 'utf8')));
    });
  }

  it('have a version that does not depend on the order of keys', () => {
    const parts = { labels: { a: '1', b: '2' }, annotations: {}, spec: { x: [{ p: 1, q: 2 }], y: {} } };
    const turned = { labels: { b: '2', a: '1' }, annotations: {}, spec: { y: {}, x: [{ q: 2, p: 1 }] } };
    assert.equal(versionOf(parts), versionOf(turned));
    assert.notEqual(versionOf(parts), versionOf({ ...parts, labels: { a: '1' } }));
  });
});
