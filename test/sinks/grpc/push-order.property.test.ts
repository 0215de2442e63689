import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clusterType, endpointType, isPartial, listenerType, routeType } from '../../../sinks/grpc/push-order.js';
import type { XdsForm } from '../../../sinks/grpc/shared-responses.js';
import { gone, MockClient, type Read, set, xdsBench } from '../support/xds-mock.js';

const types = [clusterType, endpointType, listenerType, routeType];
const clusters = ['a', 'b', 'c', 'd'];

/** An Envoy that takes all it is sent when it looks at it: it holds resources by name, and responses it has not looked at. */
class Envoy {
  readonly form: XdsForm;
  readonly mock: MockClient;
  readonly held = new Map(types.map((type) => [type, new Map<string, string>()]));
  readonly #unread: Read[] = [];
  readonly #exists: (key: string) => boolean;

  /** @param exists whether a listener or a route, `type name`, is still there */
  constructor(bench: ReturnType<typeof xdsBench>, form: XdsForm, exists: (key: string) => boolean) {
    this.form = form;
    this.#exists = exists;
    this.mock = new MockClient(bench, form);
    this.mock.onResponse = (response) => this.#unread.push(response);
    for (const type of types) this.mock[form](type);
  }

  of(type: string): Map<string, string> {
    return this.held.get(type) ?? assert.fail(type);
  }

  /** Looks at the response that came first, and answers it. @returns whether there was one. */
  read(): boolean {
    const response = this.#unread.shift();
    if (!response) return false;
    const { typeUrl, resources, removed } = response;
    const held = this.of(typeUrl);
    if (this.form === 'sotw' && !isPartial(typeUrl)) held.clear();
    for (const text of resources) {
      const [name = '', version = ''] = text.split('=');
      held.set(name, version);
    }
    for (const name of removed) held.delete(name);
    this.#check();
    if (this.form === 'sotw') this.mock.ackSotw(response);
    else this.mock.ack(response);
    return true;
  }

  /** No listener and no route refers to a cluster that is not there. */
  #check(): void {
    for (const type of [listenerType, routeType]) {
      for (const [name, version] of this.of(type)) {
        // The state of the world cannot say that a route is gone.
        if (this.form === 'sotw' && isPartial(type) && !this.#exists(`${type} ${name}`)) continue;
        const cluster = version.split('#')[0] ?? '';
        assert.ok(this.of(clusterType).has(cluster), `${name} refers to ${cluster}, which is not there`);
        assert.ok(this.of(endpointType).has(cluster), `${name} refers to ${cluster}, which has no endpoints`);
      }
    }
  }
}

const step = fc.oneof(
  // A route and a listener go from one cluster to another, which comes as the first goes.
  fc.record({
    kind: fc.constant('point' as const),
    what: fc.constantFrom(listenerType, routeType),
    name: fc.constantFrom('x', 'y'),
    cluster: fc.constantFrom(...clusters, 'nowhere'),
    shuffle: fc.nat(5),
  }),
  fc.record({
    kind: fc.constant('touch' as const),
    cluster: fc.constantFrom(...clusters),
    type: fc.constantFrom(clusterType, endpointType),
  }),
  fc.record({ kind: fc.constant('read' as const), who: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) }),
);

describe('make before break', () => {
  it('no client ever holds a listener or a route that refers to a cluster it does not hold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const bench = xdsBench();
        /** `type name` → cluster, and the clusters that are there. */
        const refers = new Map<string, string>();
        const present = new Set<string>();
        const exists = (key: string) => refers.has(key);
        const envoys = [new Envoy(bench, 'delta', exists), new Envoy(bench, 'sotw', exists)];
        let edition = 0;
        bench.cache.apply([]);
        for (const now of steps) {
          edition++;
          if (now.kind === 'read') {
            for (let i = 0; i < now.count; i++) envoys[now.who]?.read();
          } else if (now.kind === 'touch') {
            if (present.has(now.cluster)) bench.cache.apply([set(now.type, now.cluster, `v${edition}`)]);
          } else {
            const key = `${now.what} ${now.name}`;
            if (now.cluster === 'nowhere') refers.delete(key);
            else refers.set(key, now.cluster);
            const used = new Set(refers.values());
            const fresh = [...used].filter((cluster) => !present.has(cluster));
            const stale = [...present].filter((cluster) => !used.has(cluster));
            for (const cluster of fresh) present.add(cluster);
            for (const cluster of stale) present.delete(cluster);
            const changes = [
              now.cluster === 'nowhere'
                ? gone(now.what, now.name)
                : set(now.what, now.name, `${now.cluster}#${edition}`),
              ...stale.flatMap((cluster) => [gone(endpointType, cluster), gone(clusterType, cluster)]),
              ...fresh.flatMap((cluster) => [
                set(endpointType, cluster, `v${edition}`),
                set(clusterType, cluster, `v${edition}`),
              ]),
            ];
            // The order in which changes are listed does not matter.
            bench.cache.apply([...changes.slice(now.shuffle), ...changes.slice(0, now.shuffle)]);
          }
        }
        for (const envoy of envoys) {
          for (let reads = 0; envoy.read(); reads++) assert.ok(reads < 500, 'it never comes to rest');
          assert.deepEqual([...envoy.of(clusterType).keys()].sort(), [...present].sort());
          const told = [listenerType, ...(envoy.form === 'delta' ? [routeType] : [])];
          for (const type of told)
            assert.equal(envoy.of(type).size, [...refers.keys()].filter((key) => key.startsWith(type)).length);
          envoy.mock.stream.close();
        }
      }),
      { numRuns: 400 },
    );
  });
});
