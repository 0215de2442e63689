import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { Any } from '../../../proto/gen/any.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { ServiceEntry } from '../../../proto/gen/service_entry.js';
import { ResourceSet } from '../../../sinks/istio/resource-set.js';
import type { IstioOptions } from '../../../sinks/istio/settings.js';
import { istioOptions, silent } from '../support/istio.js';

const dir = fileURLToPath(new URL('golden/', import.meta.url));
const update = process.env['UPDATE_GOLDEN'] === '1';

interface Case {
  readonly about: string;
  readonly options?: Partial<IstioOptions>;
  readonly service: CatalogService;
}

/** What goes onto the wire, decoded again, with what was left out and why. */
function convert({ service, options }: Case): object {
  const set = new ResourceSet(istioOptions(options), silent);
  set.apply({ revision: 1, reset: true, upserts: [service], removes: [] });
  const { refused = [], defects = [] } = set.explain(service.host) ?? {};
  if (refused.length > 0) return { defects, refused };
  const resources = [...set.all()].map(({ resource }) => {
    const [any] = DiscoveryResponse.decode(resource?.chunk ?? assert.fail('no resource')).resources;
    assert.ok(any);
    const { metadata, body } = Resource.decode(any.value);
    assert.ok(body);
    return { type: any.typeUrl, metadata, body: { type: body.typeUrl, ...ServiceEntry.decode(body.value) } };
  });
  return { resources, defects };
}

/** Each `golden/<name>.in.json` is a catalog service; `<name>.out.json` is rewritten with UPDATE_GOLDEN=1 (then format it). */
describe('catalog service → ServiceEntry, golden files', () => {
  const names = readdirSync(dir).flatMap((file) => /^(.+)\.in\.json$/.exec(file)?.[1] ?? []);
  assert.ok(names.length > 0);
  for (const name of names) {
    const input = JSON.parse(readFileSync(`${dir}${name}.in.json`, 'utf8')) as Case;
    it(`${name}: ${input.about}`, () => {
      const output = JSON.stringify(convert(input), null, 2);
      if (update) writeFileSync(`${dir}${name}.out.json`, `${output}\n`);
      assert.deepEqual(JSON.parse(output), JSON.parse(readFileSync(`${dir}${name}.out.json`, 'utf8')));
    });
  }
  it('an Any holds exactly one resource', () => {
    const set = new ResourceSet(istioOptions(), silent);
    const service = { host: 'a.b', ports: [], metadata: {}, origins: [], version: '' };
    const [change] = set.apply({ revision: 1, reset: true, upserts: [service], removes: [] });
    const { chunk } = change?.resource ?? assert.fail('no resource');
    const { resources } = DiscoveryResponse.decode(chunk);
    assert.equal(resources.length, 1);
    assert.equal(Any.encode(resources[0] as Any).finish().length + 3, chunk.length);
  });
});
