import { cp, mkdir, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerHandle } from '../../servers/process.js';
import { type Fault, type FaultContext, maxHoldMs } from '../plan/fault.js';
import { type Registry, type RegistryKind, registryKinds } from '../registries/registry.js';

const durationsMs = [1000, 6000];
const clusters: readonly RegistryKind[] = ['zookeeper', 'consul', 'eureka'];
/** How long the source of a registry in memory keeps what a server lacks, as the bed configures it. */
const lackedMs = 15_000;
const durable: readonly RegistryKind[] = ['zookeeper', 'consul'];

async function startAll({ nodes }: Registry, keepData: boolean): Promise<void> {
  await Promise.all(nodes.filter(({ pid }) => pid === undefined).map((node) => node.start({ keepData })));
}

/** The registry has begun with nothing. If its clients do not come back before the hold is over, it is right. */
function loseAll({ ledger, clients }: FaultContext): void {
  const names = [...clients.wanted].map((entry) => clients.nameOf(entry));
  ledger.lose(names, performance.now() + maxHoldMs * 0.9, 0);
}

/**
 * Starts one of several servers again. One that keeps nothing on disk copies what the others have, and lacks what changes
 * meanwhile until its clients notice: if that takes longer than a source waits for it, the source is right to let it go.
 */
async function startOne(node: ServerHandle | undefined, { registry, ledger, clients }: FaultContext): Promise<void> {
  if (!registry.isDurable) {
    const names = [...clients.wanted].map((entry) => clients.nameOf(entry));
    ledger.lose(names, performance.now() + lackedMs * 0.9, 0);
  }
  await node?.start();
}

/** Faults of a registry's own processes. */
export const serverFaults: readonly Fault[] = [
  {
    ...{ id: 'pause-all', title: 'all servers paused', invariants: 'I1 I2', durationsMs },
    ...{ on: 'registry', kinds: registryKinds },
    async inject({ registry: { nodes }, pauseClients }) {
      // A request that a paused server has got is done when it goes on, after later ones that another server has done.
      pauseClients();
      await Promise.all(nodes.map((node) => node.pause()));
      return {
        async run() {
          for (const node of nodes) node.resume();
        },
      };
    },
  },
  {
    ...{ id: 'pause-leader', title: 'the leader paused', invariants: 'I1 I2', durationsMs },
    ...{ on: 'registry', kinds: clusters },
    async inject({ registry, pauseClients }) {
      pauseClients();
      const node = registry.nodes[await registry.leader()];
      await node?.pause();
      return { run: async () => node?.resume() };
    },
  },
  {
    ...{ id: 'kill-leader', title: 'the leader killed, started later', invariants: 'I1 I3', durationsMs },
    ...{ on: 'registry', kinds: clusters },
    async inject(context) {
      const { registry } = context;
      const node = registry.nodes[await registry.leader()];
      await node?.kill();
      return { run: () => startOne(node, context) };
    },
  },
  {
    ...{ id: 'kill-one', title: 'a server killed, started later', invariants: 'I1 I3', durationsMs },
    ...{ on: 'registry', kinds: clusters },
    async inject(context) {
      const node = context.random.pick(context.registry.nodes);
      await node.kill();
      return { run: () => startOne(node, context) };
    },
  },
  {
    ...{ id: 'split', title: 'the servers cut off from each other', invariants: 'I1 I3', durationsMs },
    ...{ on: 'registry', kinds: ['eureka'] },
    async inject({ registry: { between = [] } }) {
      await Promise.all(between.map((link) => link.refuse()));
      return { run: async () => void (await Promise.all(between.map((link) => link.heal()))) };
    },
  },
  {
    ...{ id: 'restart-all', title: 'all servers killed, started with their data', invariants: 'I1 I2 I3', durationsMs },
    // Eureka and the ephemeral instances of Nacos live in memory alone: their restart is one with nothing.
    ...{ on: 'registry', kinds: registryKinds },
    async inject(context) {
      const { registry } = context;
      await Promise.all(registry.nodes.map((node) => node.kill()));
      return {
        async run() {
          await startAll(registry, true);
          if (!registry.isDurable) loseAll(context);
        },
      };
    },
  },
  {
    ...{ id: 'lost-data', title: 'all servers killed, started with nothing', invariants: 'I1 I2', durationsMs: [1000] },
    ...{ on: 'registry', kinds: durable },
    async inject(context) {
      const { registry } = context;
      await Promise.all(registry.nodes.map((node) => node.kill()));
      return {
        async run() {
          await startAll(registry, false);
          await registry.refound?.();
          loseAll(context);
        },
      };
    },
  },
  {
    ...{ id: 'old-data', title: 'all servers started with older data', invariants: 'I3 I4', durationsMs: [1000] },
    ...{ on: 'registry', kinds: durable },
    async inject({ registry, ledger, clients, pauseClients }) {
      const copies = registry.nodes.map(({ dataDir }) => ({ dataDir, copy: `${dataDir}-old` }));
      const serving = () => [...clients.wanted].filter((entry) => entry.serving);
      const before = new Map(serving().map((entry) => [clients.nameOf(entry), entry.generation]));
      // As a backup is made: while the servers run.
      await Promise.all(copies.map(({ dataDir, copy }) => cp(dataDir, copy, { recursive: true })));
      // Of what changed meanwhile nobody can tell which state the copy has, or whether it has any.
      const same = serving().filter((entry) => before.get(clients.nameOf(entry)) === entry.generation);
      const then = new Set(same.map((entry) => clients.nameOf(entry)));
      // What changes now is what the older data do not know.
      await delay(5000);
      pauseClients();
      await Promise.all(registry.nodes.map((node) => node.kill()));
      ledger.setBack(registry.kind, then);
      for (const { dataDir, copy } of copies) {
        await rm(dataDir, { recursive: true });
        await mkdir(dataDir);
        await cp(copy, dataDir, { recursive: true });
        await rm(copy, { recursive: true });
      }
      return {
        async run() {
          await startAll(registry, true);
          await registry.refound?.();
        },
      };
    },
  },
  {
    ...{
      id: 'revoke',
      title: 'the right to read revoked',
      invariants: 'I2',
      durationsMs,
      on: 'registry',
      kinds: durable,
    },
    async inject({ registry }) {
      const grant = await registry.revoke?.();
      return { run: async () => grant?.() };
    },
  },
];
