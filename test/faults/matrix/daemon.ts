import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allowWrites, refuseWrites } from '../../support/file-limit.js';
import type { Fault } from '../plan/fault.js';
import { registryKinds } from '../registries/registry.js';
import type { Subject } from '../subject/subject.js';

const kinds = registryKinds;

/** Faults of the daemon itself. */
export const daemonFaults: readonly Fault[] = [
  {
    ...{
      id: 'own-pause',
      title: 'Isthmus paused',
      invariants: 'I1 I2',
      durationsMs: [1000, 6000],
      on: 'isthmus',
      kinds,
    },
    async inject({ subject: { isthmus } }) {
      await isthmus.pause();
      return { run: async () => isthmus.resume() };
    },
  },
  {
    ...{ id: 'own-kill', title: 'Isthmus killed (SIGKILL) among changes, started again', invariants: 'I2 I3 I4' },
    ...{ durationsMs: [0, 3000], on: 'isthmus', kinds },
    async inject({ subject: { isthmus } }) {
      await isthmus.kill();
      return { run: () => isthmus.start() };
    },
  },
  {
    ...{ id: 'own-stop', title: 'Isthmus stopped and started again', invariants: 'I2 I3 I4' },
    ...{ durationsMs: [0, 3000], on: 'isthmus', kinds },
    async inject({ subject: { isthmus } }) {
      await isthmus.stop();
      return { run: () => isthmus.start() };
    },
  },
  {
    ...{
      id: 'own-start-alone',
      title: 'Isthmus killed and started while every registry is away',
      invariants: 'I2 I3 I4',
    },
    ...{ durationsMs: [6000], on: 'isthmus', kinds },
    async inject({ subject: { isthmus }, registries }) {
      const links = registries.flatMap((registry) => registry.links);
      await Promise.all(links.map((link) => link.refuse()));
      // So long that the daemon knows it.
      await delay(1000);
      await isthmus.kill();
      await isthmus.start();
      return { run: async () => void (await Promise.all(links.map((link) => link.heal()))) };
    },
  },
  ...[10, -10].map(
    (minutes): Fault => ({
      ...{ id: `own-clock${minutes}`, title: `the clock of Isthmus set to ${minutes} minutes`, invariants: 'I1 I2' },
      ...{ durationsMs: [3000], on: 'isthmus', kinds },
      // It stays so: a clock that is set is no fault that passes.
      async inject({ subject }) {
        subject.setClock(minutes * 60_000);
        return { run: async () => undefined };
      },
    }),
  ),
  {
    ...{
      id: 'own-torn',
      title: 'Isthmus killed, what it kept on disk torn or changed, started again',
      invariants: 'I1 I2',
    },
    ...{ durationsMs: [0], on: 'isthmus', kinds },
    async inject({ subject: { isthmus }, random }) {
      await isthmus.kill();
      for (const file of filesIn(isthmus.dataDir)) {
        const bytes = readFileSync(file);
        const at = random.between(0, bytes.length);
        if (random.next() < 0.5) writeFileSync(file, bytes.subarray(0, at));
        else writeFileSync(file, Buffer.concat([bytes.subarray(0, at), Buffer.from('torn'), bytes.subarray(at + 4)]));
      }
      return { run: () => isthmus.start() };
    },
  },
  {
    ...{ id: 'own-full-disk', title: 'Isthmus can write to no file, as on a full disk', invariants: 'I1 I2 I3' },
    ...{ durationsMs: [6000], on: 'isthmus', kinds },
    async inject({ subject }) {
      const pid = pidOf(subject);
      await refuseWrites(pid);
      // It has to get over it by itself; its files, too, are as they should be a while after.
      return { run: () => allowWrites(pid) };
    },
  },
  {
    ...{
      id: 'own-full-disk-kill',
      title: 'Isthmus killed while it can write to no file, started with room again',
      invariants: 'I2 I3 I4',
    },
    ...{ durationsMs: [6000], on: 'isthmus', kinds },
    async inject({ subject }) {
      await refuseWrites(pidOf(subject));
      return {
        async run() {
          await subject.isthmus.kill();
          await subject.isthmus.start();
        },
      };
    },
  },
];

function pidOf({ isthmus: { pid } }: Subject): number {
  if (pid === undefined) throw new Error('isthmus does not run');
  return pid;
}

/**
 * Those that only replays have: what is written wrong in the middle of a file is damage, where one that was cut off could be
 * what a crash left.
 */
export const rareDaemonFaults: readonly Fault[] = [
  {
    ...{ id: 'own-damaged', title: 'Isthmus killed, what it kept on disk changed, started again', invariants: 'I1 I2' },
    ...{ durationsMs: [0], on: 'isthmus', kinds },
    async inject({ subject: { isthmus } }) {
      await isthmus.kill();
      for (const file of filesIn(join(isthmus.dataDir, 'catalog'))) {
        const bytes = readFileSync(file);
        bytes.write('damaged', Math.floor(bytes.length * 0.7));
        writeFileSync(file, bytes);
      }
      return { run: () => isthmus.start() };
    },
  },
];

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.log'))
    .map((entry) => join(entry.parentPath, entry.name));
}
