import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { apiSchema } from '../../../adapters/api/config.js';
import { ServiceEncoder } from '../../../adapters/api/file-format.js';
import type { RegisteredService } from '../../../adapters/api/model.js';
import { MemoryRegistry } from '../../../adapters/api/registry.js';
import { systemClock } from '../../../core/plugin/index.js';
import { ManualClock, type SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { makeApi, makeDataDir, root, startApi } from './make-api.js';

const request = (index: number, more: object = {}) => ({
  ...{ address: `10.0.0.${index}`, ports: { http: 80 }, weight: 100, health: 'healthy' as const },
  metadata: { text: 'ü'.repeat(index) },
  ...more,
});

describe('adapters/api: the size of the registry', () => {
  const encoder = new ServiceEncoder();
  let nowMs = 0;
  const clock = { ...systemClock, now: () => nowMs };
  const makeRegistry = (instanceBytes = encoder.instanceBytes.bind(encoder), maxFileBytes = 1 << 20) =>
    new MemoryRegistry(apiSchema.parse({ maxFileBytes, leases: { maxLossShare: 1 } }), clock, {
      headBytes: (head) => encoder.headBytes(head),
      instanceBytes,
    });
  const written = (services: Iterable<RegisteredService>) =>
    [...services].reduce((sum, service) => sum + encoder.line(service).length, 0);

  it('is never less than what is written, nor much more, whatever was changed', () => {
    const step = fc.record({
      kind: fc.constantFrom('put', 'put', 'delete', 'deleteService', 'declare', 'wait', 'undo'),
      service: fc.constantFrom('a', 'b'),
      id: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const registry = makeRegistry();
        for (const { kind, service, id } of steps) {
          const put = () => registry.putInstance(service, `i${id}`, request(id, { ttlSeconds: id }));
          if (kind === 'put') put();
          else if (kind === 'delete') registry.deleteInstance(service, `i${id}`);
          else if (kind === 'deleteService') registry.deleteService(service);
          else if (kind === 'declare')
            registry.putService(service, { ports: [{ name: 'http', number: 8000, protocol: 'http' }], metadata: {} });
          else if (kind === 'wait') {
            nowMs += id * 1000;
            registry.expire();
          } else
            registry.atomically([service], () => {
              put();
              registry.deleteInstance(service, 'i1');
              return false;
            });
          const services = [...registry.services.values()];
          const instances = services.reduce((sum, { instances }) => sum + instances.size, 0);
          assert.equal(registry.instanceCount, instances);
          const bytes = written(services);
          assert.ok(registry.bytes >= bytes, `${registry.bytes} < ${bytes}`);
          assert.ok(registry.bytes <= bytes + 20 * instances + services.length);
        }
      }),
    );
  });

  it('costs each change of a large service what changed alone', () => {
    let asked = 0;
    const registry = makeRegistry((instance) => {
      asked++;
      return encoder.instanceBytes(instance);
    });
    registry.atomically(['a'], () => {
      for (let index = 0; index < 1000; index++) registry.putInstance('a', `i${index}`, request(1));
      return true;
    });
    assert.ok(asked <= 3000, `${asked} instances were looked at`);
  });

  it('copies a service once for all changes that are made together, and leaves what others hold alone', () => {
    const registry = makeRegistry();
    registry.putInstance('a', 'i1', request(1));
    const before = registry.services.get('a') ?? assert.fail();
    const seen = new Set<unknown>();
    registry.atomically(['a'], () => {
      for (let index = 2; index < 10; index++) {
        registry.putInstance('a', `i${index}`, request(index));
        seen.add(registry.services.get('a')?.instances);
      }
      registry.deleteInstance('a', 'i1');
      return true;
    });
    assert.equal(seen.size, 1);
    assert.deepEqual([...before.instances.keys()], ['i1']);
    const after = registry.services.get('a') ?? assert.fail();
    registry.deleteInstance('a', 'i2');
    assert.equal(after.instances.size, 8);
  });
});

describe('adapters/api: a registry that is full', () => {
  const runs: SourceRun[] = [];
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
  });

  it('can be read again after its leases have run out', async () => {
    const { dir, remove } = await makeDataDir();
    const clock = new ManualClock();
    const config = { maxFileBytes: 60_000, leases: { maxLossShare: 1, expiredForMs: 600_000 } };
    const api = makeApi(dir, config, clock);
    runs.push(await startApi(api));
    const instance = { address: '10.0.0.1', port: 80, ttlSeconds: 10 };
    const register = Array.from({ length: 350 }, (_, index) => ({ service: 'orders', id: `i${index}`, ...instance }));
    assert.equal((await api.client.send('POST', '/api/v1/registry/local/bulk', { register })).status, 200);
    let count = register.length;
    while ((await api.client.put(`${root}/orders/instances/i${count}`, instance)).status !== 507) count++;
    await clock.advance(12_000);
    await poll(async () => (await readFile(`${dir}/registry.jsonl`, 'utf8')).includes('"expired"'));
    const next = makeApi(dir, config, clock);
    runs.push(await startApi(next));
    const instances = runs[1]?.recorder.services.get('orders')?.instances;
    assert.equal(instances?.length, count);
    assert.ok(instances.every(({ health }) => health === 'unhealthy'));
    await remove();
  });
});
