import { poll } from '../../support/poll.js';
import type { Entry } from '../ledger/entry.js';
import { targetOf } from '../ledger/entry.js';
import { type Fault, type FaultContext, maxHoldMs } from '../plan/fault.js';
import { type Crowd, type RegistryKind, registryKinds } from '../registries/registry.js';

/** As many as the registry's own clients register in a few seconds. */
const sizes: Readonly<Record<RegistryKind, number>> = {
  zookeeper: 3000,
  nacos2: 1000,
  nacos3: 1000,
  consul: 500,
  eureka: 500,
};
const services = 10;
/** What a guard lets go of a source before it holds: its share of 15 %. */
const guardShare = 0.15;
const alarmMs = 10_000;

/** A client with very many instances dies, and the registry drops them all at once. */
export const massFaults: readonly Fault[] = [
  {
    ...{ id: 'mass-expiry', title: '500 to 3,000 instances expire at once', invariants: 'I2 I9', durationsMs: [1000] },
    ...{ on: 'registry', kinds: registryKinds },
    async inject(context) {
      const entries = crowdOf(context.scope, sizes[context.registry.kind]);
      const crowd = await gather(entries, context);
      const { ledger, subject, clients } = context;
      const names = entries.map((entry) => clients.nameOf(entry));
      const all = entries.length + [...clients.wanted].length;
      ledger.lose(names, performance.now() + maxHoldMs * 0.9, Math.ceil(all * guardShare));
      await crowd.vanish();
      await poll(async () => (await subject.held()) > 0, { timeoutMs: alarmMs, what: 'a hold' }).catch(() => {
        context.violate(`the loss of ${entries.length} instances is not told of ${alarmMs} ms after it`);
      });
      return { run: async () => undefined, graceMs: maxHoldMs };
    },
  },
];

function crowdOf(scope: string, size: number): Entry[] {
  return Array.from({ length: size }, (_, index) => ({
    ...{ service: `${scope}-crowd${index % services}`, address: `10.200.${index >> 8}.${index & 255}`, port: 8080 },
    ...{ generation: 1, serving: true },
  }));
}

/** Registers all of them and waits until they are published. */
async function gather(entries: readonly Entry[], { registry, ledger, published }: FaultContext): Promise<Crowd> {
  for (const entry of entries) {
    ledger.issue(registry.kind, registry.hostOf(entry.service), targetOf(entry), entry.generation * 100, true);
  }
  const crowd = await registry.crowd(entries);
  const isPublished = () =>
    entries.every((entry) => published().get(registry.hostOf(entry.service))?.has(targetOf(entry)));
  await poll(isPublished, { timeoutMs: 60_000, what: 'the crowd to be published' });
  return crowd;
}
