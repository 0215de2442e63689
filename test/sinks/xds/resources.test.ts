import assert from 'node:assert/strict';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { Any } from '../../../proto/gen/any.js';
import { ClusterLoadAssignment } from '../../../proto/gen/envoy_endpoint.js';
import type { XdsChange } from '../../../sinks/grpc/xds-resource.js';
import { xdsSchema } from '../../../sinks/xds/config.js';
import type { Defect } from '../../../sinks/xds/endpoint.js';
import { resourcesOptions } from '../../../sinks/xds/options.js';
import { XdsResources } from '../../../sinks/xds/resources.js';
import { shortType, types } from '../../../sinks/xds/types.js';
import { catalogService, instances } from '../support/services.js';

const edge = (overrides: object = {}) => ({
  name: 'edge',
  listeners: [{ name: 'web', listen: '0.0.0.0:8080', protocol: 'http' }],
  ...overrides,
});

/** `set Cluster edge/a.b:80` and its like. */
function shown(changes: readonly XdsChange[]): string[] {
  return changes.map((change) => {
    const { typeUrl, name } = change.kind === 'set' ? change.resource : change;
    return `${change.kind} ${shortType(typeUrl)} ${name}`;
  });
}

describe('the catalog as xDS resources', () => {
  let resources: XdsResources;
  let invalid: [string, readonly string[]][];
  let defects: [string, readonly Defect[]][];
  let revision: number;

  const make = (config: object) => {
    invalid = [];
    defects = [];
    revision = 0;
    resources = new XdsResources(resourcesOptions(xdsSchema.parse({ grpc: false, ...config })), {
      onInvalid: (host, reasons) => invalid.push([host, reasons]),
      onDefects: (host, found) => defects.push([host, found]),
    });
  };
  const apply = (upserts: readonly CatalogService[], removes: readonly string[] = []) =>
    resources.apply({ revision: ++revision, reset: revision === 1, upserts, removes });

  beforeEach(() => make({ gateways: [edge()] }));

  it('begin with the listeners, also when there is no service', () => {
    assert.deepEqual(shown(apply([])), ['set Listener edge/web', 'set RouteConfiguration edge/web']);
  });

  it('change with what a change touches, and with nothing else', () => {
    apply([catalogService('a.b', instances(3)), catalogService('c.d', instances(2))]);
    assert.deepEqual(shown(apply([catalogService('a.b', instances(2))])), ['set ClusterLoadAssignment edge/a.b:80']);
    assert.deepEqual(shown(apply([catalogService('a.b', instances(2), { version: 'other' })])), []);
    assert.deepEqual(shown(apply([catalogService('e.f', [])])), [
      'set Cluster edge/e.f:80',
      'set ClusterLoadAssignment edge/e.f:80',
      'set RouteConfiguration edge/web',
    ]);
    assert.deepEqual(shown(apply([], ['a.b'])), [
      'set RouteConfiguration edge/web',
      'delete Cluster edge/a.b:80',
      'delete ClusterLoadAssignment edge/a.b:80',
    ]);
    assert.equal(resources.explain('a.b'), undefined);
  });

  it('stay as they were last good while a service is bad, and tell why, once', () => {
    const good = apply([catalogService('a.b', instances(1))]);
    const bad = catalogService('a.b', instances(2), { ports: [{ name: 'http', number: 0, protocol: 'http' }] });
    assert.deepEqual(apply([bad]), []);
    assert.deepEqual(apply([bad]), []);
    const reason = 'the port 0 is no whole number from 1 to 65535';
    assert.deepEqual(invalid, [['a.b', [reason]]]);
    assert.deepEqual([...resources.invalid()], [{ host: 'a.b', reasons: [reason], serving: true }]);
    const explained = resources.explain('a.b');
    assert.deepEqual(explained?.refused, [reason]);
    assert.deepEqual(
      explained?.resources.map(({ version }) => version),
      good.flatMap((change) =>
        change.kind === 'set' && change.resource.name === 'edge/a.b:80' ? [change.resource.version] : [],
      ),
    );
    assert.deepEqual(shown(apply([catalogService('a.b', instances(2))])), ['set ClusterLoadAssignment edge/a.b:80']);
    assert.equal(resources.invalidCount, 0);
  });

  it('forget what a reset does not name', () => {
    apply([catalogService('a.b', instances(1)), catalogService('c.d', instances(1))]);
    const changes = resources.apply({
      revision: 9,
      reset: true,
      upserts: [catalogService('c.d', instances(1))],
      removes: [],
    });
    assert.deepEqual(shown(changes), [
      'set RouteConfiguration edge/web',
      'delete Cluster edge/a.b:80',
      'delete ClusterLoadAssignment edge/a.b:80',
    ]);
  });

  it('are of each gateway its own, and of no gateway that does not expose the service', () => {
    make({ gateways: [edge(), edge({ name: 'other', services: { include: ['a.*'] } })] });
    const changes = apply([catalogService('a.b', instances(1)), catalogService('c.d', instances(1))]);
    const clusters = changes.flatMap((change) =>
      change.kind === 'set' && change.resource.typeUrl === types.cluster ? [change.resource] : [],
    );
    assert.deepEqual(
      clusters.map(({ name, wildcard }) => ({ name, wildcard })),
      ['edge/a.b:80', 'other/a.b:80', 'edge/c.d:80'].map((name) => ({
        name,
        wildcard: { gateway: name.split('/')[0] },
      })),
    );
  });

  it('tell of a name that two services want until one gives it up', () => {
    const rule = (host: string, domain: string) => ({ hosts: [host], domains: [domain] });
    make({ gateways: [edge({ rules: [rule('a.b', 'x.com'), rule('c.d', 'x.com')] })] });
    apply([catalogService('a.b'), catalogService('c.d')]);
    assert.deepEqual(
      [...resources.defective()].map(({ host, defects: [defect] }) => [host, defect?.of]),
      [['c.d', 'x.com/']],
    );
    apply([], ['a.b']);
    assert.deepEqual([...resources.defective()], []);
  });

  it('have the endpoints of a large service in the catalog’s order, whatever changed', () => {
    const many = instances(250);
    apply([catalogService('a.b', many)]);
    const next = [...many];
    next[200] = { ...(many[200] as (typeof many)[number]), weight: 7 };
    next.splice(3, 1);
    const [change] = apply([catalogService('a.b', next)]);
    assert.ok(change?.kind === 'set');
    const { endpoints } = ClusterLoadAssignment.decode(Any.decode(change.resource.any).value);
    const seen = (endpoints[0]?.lbEndpoints ?? []).map(({ endpoint, loadBalancingWeight }) => {
      const { address, portValue } = endpoint?.address?.socketAddress ?? {};
      return `${address}:${portValue} ${loadBalancingWeight?.value}`;
    });
    assert.deepEqual(
      seen,
      next.map(({ address, weight }) => `${address}:8080 ${weight}`),
    );
    assert.equal(endpoints[0]?.loadBalancingWeight?.value, 100 * 248 + 7);
  });

  it('are the same bytes on every replica, however they came to be', () => {
    const last = [catalogService('a.b', instances(3)), catalogService('c.d', instances(200))];
    apply([catalogService('c.d', instances(150)), catalogService('x.y', instances(1))]);
    apply([catalogService('a.b', instances(9))]);
    apply(last, ['x.y']);
    const versions = () => ['a.b', 'c.d'].flatMap((host) => resources.explain(host)?.resources ?? []);
    const here = versions().map(({ name, version }) => `${name} ${version}`);
    make({ gateways: [edge()] });
    apply([...last].reverse());
    assert.deepEqual(
      versions().map(({ name, version }) => `${name} ${version}`),
      here,
    );
  });
});
