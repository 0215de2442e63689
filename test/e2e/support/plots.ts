import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerHandle } from '../../servers/process.js';
import { poll } from '../../support/poll.js';
import type { ExpectedEndpoint, Mesh } from './mesh.js';

/** What stays through a fault, and a change that must be seen although it came with it. */
export interface Plot {
  readonly mesh: Mesh;
  readonly cluster: string;
  /** Targets that are live throughout. */
  readonly live: readonly string[];
  /** Made while the party is away, or as soon as it is back. */
  change(): Promise<unknown>;
  /** What a sidecar sees in the end. */
  readonly expected: readonly ExpectedEndpoint[];
}

/**
 * The daemon ends and starts again, and the registry changes in between: the mesh loses no live endpoint at any time,
 * and gets what changed.
 * @param how `stop` as operators do, `kill` as a crash does.
 */
export async function restartIsthmus({ mesh, cluster, live, change, expected }: Plot, how: 'stop' | 'kill') {
  const guard = mesh.guard(cluster, live);
  await mesh.isthmus[how]();
  await change();
  await mesh.isthmus.start();
  for (const { name } of await mesh.isthmus.sources()) await mesh.isthmus.sourceIs(name, 'fresh');
  // istiod waits longer after each attempt that found nobody.
  await mesh.sees(cluster, expected, 60_000);
  guard.verify();
}

/**
 * The daemon starts while its registry is away: it has nothing to say, so it must say nothing, and istiod keeps what it
 * has. An empty answer given too early would delete the mesh.
 */
export async function restartIsthmusAlone(
  registry: ServerHandle,
  { mesh, cluster, live, change, expected }: Plot,
): Promise<void> {
  const connections = () => mesh.isthmus.logs(1000).split('client connected').length;
  const guard = mesh.guard(cluster, live);
  await registry.stop();
  const before = connections();
  await mesh.isthmus.kill();
  await mesh.isthmus.start();
  await poll(() => connections() > before, { timeoutMs: 60_000, what: 'istiod to connect again' });
  // A wrong answer would be there at once; nothing can be waited for where nothing is to happen.
  await delay(1000);
  guard.assertUnbroken();
  await registry.start();
  await change();
  await mesh.sees(cluster, expected, 60_000);
  guard.verify();
}

/** The registry goes away for a while: the mesh loses nothing, the source says so, and recovers with what changed. */
export async function restartRegistry(
  registry: ServerHandle,
  source: string,
  { mesh, cluster, live, change, expected }: Plot,
) {
  const until = (wanted: string) => mesh.isthmus.sourceIs(source, wanted);
  await until('fresh');
  const guard = mesh.guard(cluster, live);
  await registry.stop();
  await until('degraded');
  await mesh.sees(
    cluster,
    live.map((target) => ({ target })),
  );
  await registry.start();
  await until('fresh');
  await change();
  await mesh.sees(cluster, expected, 60_000);
  guard.verify();
}

/** The last instance goes: its cluster stays, with no endpoint, so that callers get an answer and not a missing host. */
export async function loseLast({ mesh, cluster, change }: Pick<Plot, 'mesh' | 'cluster' | 'change'>) {
  await change();
  await mesh.sees(cluster, [], 60_000);
  assert.ok(mesh.sidecar.clusters.has(cluster), `${cluster} is gone`);
}
