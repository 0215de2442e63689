import assert from 'node:assert/strict';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { Any } from '../../../proto/gen/any.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { ServiceEntry } from '../../../proto/gen/service_entry.js';
import { Sidecar } from '../../../proto/gen/sidecar.js';
import { ResourceSet } from '../../../sinks/istio/resource-set.js';
import type { IstioOptions } from '../../../sinks/istio/settings.js';
import { type SidecarOptions, SidecarSet } from '../../../sinks/istio/sidecars.js';
import { goldenTests } from '../../support/golden.js';
import { istioOptions, silent } from '../support/istio.js';

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

interface SidecarCase {
  readonly about: string;
  readonly options?: Partial<SidecarOptions>;
  /** Application → hosts. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

function convertSidecars({ options, dependencies }: SidecarCase): object {
  const set = new SidecarSet({
    namespace: 'apps',
    workloadSelector: { app: '{application}' },
    applications: ['*'],
    hosts: ['./*', 'istio-system/*'],
    ...options,
  });
  set.set(Object.entries(dependencies));
  const resources = [...set.all()].map(({ resource }) => {
    const [any] = DiscoveryResponse.decode(resource?.chunk ?? assert.fail('no resource')).resources;
    assert.ok(any);
    const { metadata, body } = Resource.decode(any.value);
    assert.ok(body);
    return { type: any.typeUrl, metadata, body: { type: body.typeUrl, ...Sidecar.decode(body.value) } };
  });
  return { resources, invalid: [...set.invalid()] };
}

describe('dependencies → Sidecar, golden files', () => {
  goldenTests(new URL('golden-sidecars/', import.meta.url), convertSidecars);
});

describe('catalog service → ServiceEntry, golden files', () => {
  goldenTests(new URL('golden/', import.meta.url), convert);

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
