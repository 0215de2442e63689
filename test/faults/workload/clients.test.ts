import assert from 'node:assert/strict';
import { poll } from '../../support/poll.js';
import type { Entry } from '../ledger/entry.js';
import { Ledger } from '../ledger/ledger.js';
import type { Registry } from '../registries/registry.js';
import { Clients } from './clients.js';
import { Weather } from './weather.js';

const entry: Entry = { service: 'orders', address: '10.0.0.1', port: 80, generation: 1, serving: true };

/** Two copies in memory, of which each change reaches one alone, unless it is told which. */
function memoryRegistry() {
  const copies = [new Map<string, Entry>(), new Map<string, Entry>()];
  const registry = {
    kind: 'eureka',
    hostOf: (service: string) => `${service}.eureka`,
    put: async (instance: Entry, node = 0) => void copies[node]?.set(instance.address, instance),
    remove: async ({ address }: Entry, node = 0) => void copies[node]?.delete(address),
    read: async () => copies.map((copy, node) => ({ node, entries: [...copy.values()] })),
  };
  return { copies, registry: registry as unknown as Registry };
}

describe('the clients of a registry', function () {
  this.timeout(30_000);
  let memory: ReturnType<typeof memoryRegistry>;
  let clients: Clients;

  beforeEach(() => {
    memory = memoryRegistry();
    clients = new Clients(memory.registry, new Ledger(), new Weather());
  });

  it('are settled when each copy has what they want, and nothing else of their services', async () => {
    await clients.put(entry);
    assert.equal(await clients.settled(), undefined);
    memory.copies[1]?.set(entry.address, entry);
    assert.deepEqual(await clients.settled(), new Map([['orders.eureka', new Map([['10.0.0.1:80', 100]])]]));
    memory.copies[1]?.set('10.0.0.2', { ...entry, address: '10.0.0.2' });
    assert.equal(await clients.settled(), undefined);
    memory.copies[1]?.set('10.0.0.2', { ...entry, address: '10.0.0.2', service: 'foreign' });
    assert.notEqual(await clients.settled(), undefined);
  });

  it('want one that does not serve not to be called, however it is registered', async () => {
    await clients.put({ ...entry, serving: false });
    assert.deepEqual(await clients.settled(), new Map());
    memory.copies[1]?.set(entry.address, entry);
    assert.equal(await clients.settled(), undefined);
  });

  it('see what the registry has again in all copies, though they have taken it away', async () => {
    const instance = clients.nameOf(entry);
    await clients.put(entry);
    memory.copies[1]?.set(entry.address, entry);
    assert.equal(await clients.hasUnwanted(instance), false);
    await clients.remove(entry);
    assert.equal(await clients.hasUnwanted(instance), false, 'one copy has it still');
    memory.copies[0]?.set(entry.address, entry);
    assert.equal(await clients.hasUnwanted(instance), true);
  });

  it('know what the registry has registered by itself since they took it away', async () => {
    const instance = clients.nameOf(entry);
    let registeredMs = 0;
    Object.assign(memory.registry, { revived: async (_: Entry, sinceMs: number) => registeredMs > sinceMs });
    await clients.put(entry);
    registeredMs = Date.now() + 60_000;
    assert.equal(await clients.wasRevived(instance), false, 'it was never taken away');
    await clients.remove(entry);
    assert.equal(await clients.wasRevived(instance), true);
    registeredMs = Date.now() - 60_000;
    assert.equal(await clients.wasRevived(instance), false, 'a copy that is behind has it still');
    await clients.put(entry);
    registeredMs = Date.now() + 60_000;
    assert.equal(await clients.wasRevived(instance), false, 'they have registered it themselves');
  });

  it('know what the registry tells of still though it is gone, if that is all', async () => {
    const instance = clients.nameOf(entry);
    assert.equal(await clients.areMissed([instance]), false, 'a registry that never does');
    Object.assign(memory.registry, { misses: async () => new Set(['orders.eureka 10.0.0.1:80']) });
    assert.equal(await clients.areMissed([instance]), true);
    assert.equal(await clients.areMissed([]), false);
    assert.equal(await clients.areMissed([instance, 'orders.eureka 10.0.0.2:80']), false);
    await clients.put(entry);
    assert.equal(await clients.areMissed([instance]), false, 'it is wanted');
  });

  it('put right in each copy what stays wrong', async () => {
    await clients.put(entry);
    memory.copies[1]?.set('10.0.0.9', { ...entry, address: '10.0.0.9' });
    const stop = new AbortController();
    const kept = clients.keep(stop.signal);
    await poll(() => clients.settled(), { timeoutMs: 20_000 });
    stop.abort();
    await kept;
    assert.deepEqual([...(memory.copies[1]?.keys() ?? [])], ['10.0.0.1']);
  });
});
