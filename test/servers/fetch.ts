import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { Artefact } from './build/artefact.js';
import { artefacts } from './build/artefacts.js';
import { buildArtefact, SCRATCH } from './build/build-artefact.js';
import { cacheDir, serversDir } from './build/cache-dir.js';
import { hasArchive, javaVersion } from './build/class-archive.js';
import { acquireLock } from './build/lock.js';
import { inputHash, readStamp } from './build/stamp.js';
import { missingTools } from './build/toolchain.js';

/**
 * Fetches and builds what the tests need of real servers, each once, into a cache outside version control.
 *
 *   tsx test/servers/fetch.ts [name...]
 *
 * Without names: everything. Exit code 1 when something could not be built; what was built stays.
 */
const LOCK_TIMEOUT_MS = 60 * 60_000;
const PROGRESS_INTERVAL_MS = 30_000;

async function main(names: readonly string[], signal: AbortSignal): Promise<number> {
  const wanted = select(names);
  const dir = cacheDir();
  if ((await unfinished(wanted, dir)).length === 0) return reportReady(wanted, dir);
  mkdirSync(dir, { recursive: true });
  const release = await acquireLock(join(dir, 'lock'), {
    timeoutMs: LOCK_TIMEOUT_MS,
    signal,
    onWait: (pid) => console.log(`servers: process ${pid} is building already, waiting for it`),
  });
  try {
    return await buildAll(wanted, dir, signal);
  } finally {
    release();
  }
}

async function buildAll(wanted: readonly Artefact[], dir: string, signal: AbortSignal): Promise<number> {
  // Looked at again: whoever held the lock may have built it all.
  const todo = await unfinished(wanted, dir);
  if (todo.length === 0) return reportReady(wanted, dir);
  const missing = await missingTools(new Set(outdated(todo, dir).map((artefact) => artefact.lane)));
  if (missing.length > 0) {
    console.error(['servers: cannot build the test servers:', ...missing.map((line) => `  - ${line}`)].join('\n'));
    return 1;
  }
  rmSync(join(dir, SCRATCH), { recursive: true, force: true });
  const started = Date.now();
  console.log(`servers: ${todo.length} of ${wanted.length} to build or to record in ${dir}`);
  const running = new Map<string, number>();
  const progress = setInterval(() => report(running), PROGRESS_INTERVAL_MS);
  const lanes = { maven: pLimit(1), go: pLimit(1), python: pLimit(1) };
  const outcomes = await Promise.allSettled(
    todo.map((artefact) =>
      lanes[artefact.lane](async () => {
        if (outdated([artefact], dir).length > 0) await buildOne(artefact, dir, running, signal);
        // In the lane of Maven, which is done long before that of Go.
        await recordOne(artefact, running, signal);
      }),
    ),
  );
  clearInterval(progress);
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected').length;
  const built = todo.length - failed;
  console.log(`servers: ${built} done, ${failed} failed, in ${seconds(started)}`);
  return failed === 0 ? 0 : 1;
}

async function buildOne(artefact: Artefact, dir: string, running: Map<string, number>, signal: AbortSignal) {
  signal.throwIfAborted();
  const started = Date.now();
  const label = `${artefact.name} ${artefact.version}`;
  console.log(`servers: ${label}: building`);
  running.set(label, started);
  try {
    await buildArtefact(artefact, { sourceDir: serversDir, cacheDir: dir, signal });
    console.log(`servers: ${label}: ready after ${seconds(started)}`);
  } catch (error) {
    console.error(`servers: ${label}: FAILED after ${seconds(started)}: ${(error as Error).message}`);
    throw error;
  } finally {
    running.delete(label);
  }
}

/** Records how an artefact starts, where it is a Java one that is not recorded. What fails here costs time, no more. */
async function recordOne(artefact: Artefact, running: Map<string, number>, signal: AbortSignal) {
  if ((await unrecorded([artefact])).length === 0) return;
  const { name, version } = artefact;
  const started = Date.now();
  const label = `${name} ${version}, its start`;
  running.set(label, started);
  try {
    const { record } = await import('./archives.js');
    await record(name, signal);
    console.log(`servers: ${label}: recorded after ${seconds(started)}`);
  } catch (error) {
    signal.throwIfAborted();
    console.error(`servers: ${label}: not recorded, so it starts slowly: ${(error as Error).message}`);
  } finally {
    running.delete(label);
  }
}

async function unfinished(wanted: readonly Artefact[], dir: string): Promise<Artefact[]> {
  const toBuild = outdated(wanted, dir);
  const built = wanted.filter((artefact) => !toBuild.includes(artefact));
  const toRecord = await unrecorded(built);
  return wanted.filter((artefact) => toBuild.includes(artefact) || toRecord.includes(artefact));
}

/** Of artefacts that are built, those with a start to record: the Java ones. */
async function unrecorded(built: readonly Artefact[]): Promise<Artefact[]> {
  const java = built.filter(({ lane }) => lane === 'maven');
  if (java.length === 0) return [];
  const version = await javaVersion();
  return java.filter(({ name }) => !hasArchive(name, version));
}

function outdated(wanted: readonly Artefact[], dir: string): Artefact[] {
  return wanted.filter((artefact) => readStamp(join(dir, artefact.name)) !== inputHash(artefact, serversDir));
}

function select(names: readonly string[]): readonly Artefact[] {
  const unknown = names.filter((name) => !artefacts.some((artefact) => artefact.name === name));
  if (unknown.length > 0) {
    const known = artefacts.map((artefact) => artefact.name).join(', ');
    throw new Error(`unknown server ${unknown.join(', ')}; known are ${known}`);
  }
  return names.length === 0 ? artefacts : artefacts.filter((artefact) => names.includes(artefact.name));
}

function reportReady(wanted: readonly Artefact[], dir: string): 0 {
  console.log(`servers: ${wanted.length} of ${wanted.length} ready in ${dir}`);
  return 0;
}

function report(running: ReadonlyMap<string, number>): void {
  for (const [label, started] of running) {
    const isNew = Date.now() - started < PROGRESS_INTERVAL_MS / 2;
    if (!isNew) console.log(`servers: ${label}: still at it, ${seconds(started)}`);
  }
}

function seconds(sinceMs: number): string {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  console.error(`servers: ${(error as Error).message}`);
  process.exitCode = 1;
}
