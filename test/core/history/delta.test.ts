import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { mergeHost } from '../../../core/catalog/merge.js';
import { applyDelta, deltaOf } from '../../../core/history/delta.js';
import { isChange } from '../../../core/history/entry.js';
import { encodeEntry, headOf, LineReader } from '../../../core/history/lines.js';
import type { Instance, Service } from '../../../core/model/index.js';
import { Interner } from '../../../core/store/interner.js';
import { anInstance, aService } from '../../support/model.js';

const anyInstance = (id: string): fc.Arbitrary<Instance> =>
  fc
    .record(
      {
        health: fc.constantFrom('healthy' as const, 'unhealthy' as const),
        weight: fc.constantFrom(0, 100),
        address: fc.constantFrom('10.0.0.1', '10.0.0.2', '::1'),
        metadata: fc.dictionary(fc.constantFrom('a', 'b', 'constructor', '__proto__'), fc.string({ maxLength: 3 })),
        locality: fc.constantFrom({ region: 'r', zone: 'z', subzone: '' }, { region: 'r', zone: '', subzone: '' }),
        network: fc.constantFrom('n1', 'n2'),
      },
      { requiredKeys: ['health'] },
    )
    .map((some) => anInstance(id, some));

const anyService: fc.Arbitrary<Service> = fc
  .tuple(
    fc.subarray(['1', '2', '3', '4']).chain((ids) => fc.tuple(...ids.map(anyInstance))),
    fc.constantFrom(80, 8080),
    fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')),
  )
  .map(([instances, number, metadata]) =>
    aService('orders', instances, { ports: [{ name: 'http', number, protocol: 'http' }], metadata }),
  );

/** A host as the catalog makes it, or none. */
const anyState: fc.Arbitrary<CatalogService | undefined> = fc
  .tuple(
    fc.option(anyService),
    fc.option(anyService),
    fc.constantFrom({ mode: 'union' as const }, { mode: 'prefer' as const, sources: ['b'] }),
  )
  .map(([a, b, policy]) => {
    const contributions = [a && { source: 'a', service: a }, b && { source: 'b', service: b }].filter((one) => !!one);
    return contributions.length === 0 ? undefined : mergeHost('orders.mesh', contributions, policy).service;
  });

describe('what differs between two states of a host', () => {
  it('leads from one to the other, also when it was written and read again', () => {
    const reader = new LineReader(new Interner());
    fc.assert(
      fc.property(anyState, anyState, (before, after) => {
        fc.pre(before !== undefined || after !== undefined);
        const delta = deltaOf(before, after);
        assert.deepEqual(plain(applyDelta('orders.mesh', before, delta)), plain(after));
        const line = encodeEntry({
          host: 'orders.mesh',
          atMs: 5,
          source: 'a',
          service: 'orders',
          cause: { kind: 'registry' },
          ...delta,
        });
        assert.deepEqual(headOf(line), { host: 'orders.mesh', version: after?.version ?? '', atMs: 5 });
        const entry = reader.entry(line);
        assert.ok(isChange(entry));
        assert.deepEqual(plain(applyDelta('orders.mesh', before, entry)), plain(after));
      }),
      { numRuns: 500 },
    );
  });

  it('says what of an instance was otherwise', () => {
    const stateOf = (instance: Instance) =>
      mergeHost('orders.mesh', [{ source: 'a', service: aService('orders', [instance]) }], { mode: 'union' }).service;
    const delta = deltaOf(
      stateOf(anInstance('1', { weight: 50, metadata: { kept: '1', gone: '2' } })),
      stateOf(anInstance('1', { health: 'unhealthy', metadata: { kept: '1', came: '3' } })),
    );
    assert.deepEqual(JSON.parse(JSON.stringify(delta.origins[0]?.changed.map(({ was }) => was))), [
      { health: 'healthy', weight: 50, metadata: { gone: '2', came: null } },
    ]);
  });

  it('is refused when a line is none of a history', () => {
    const reader = new LineReader(new Interner());
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (line) => {
        try {
          headOf(line);
          reader.entry(line);
          assert.fail('it was taken');
        } catch (error) {
          assert.equal((error as Error).name, 'RecordError');
        }
      }),
    );
  });
});

/** Without attributes, which no history keeps: they go with the name of the service. */
function plain(value: unknown): unknown {
  if (value === undefined) return undefined;
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  const kept = JSON.stringify(value, (key, item: unknown) => (key === 'attributes' ? undefined : item));
  return { ...(JSON.parse(kept) as object), version };
}
