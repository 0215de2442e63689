import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { allowWrites, refuseWrites } from '../../support/file-limit.js';
import type { Isthmus } from './isthmus.js';

/** A way to let the daemon's disk become full. */
export interface FullDisk {
  readonly what: string;
  /** Whether it stays full when the daemon ends. */
  readonly outlivesDaemon: boolean;
  /** Called while the daemon is stopped. */
  prepare(daemon: Isthmus): Promise<void>;
  fill(daemon: Isthmus): Promise<void>;
  makeRoom(daemon: Isthmus): Promise<void>;
  /** Called while the daemon is stopped. */
  release(daemon: Isthmus): Promise<void>;
}

/** Works everywhere; also what the daemon logs, to a file, is not written. */
export const fileLimit: FullDisk = {
  what: 'no file may grow (EFBIG)',
  outlivesDaemon: false,
  prepare: async () => undefined,
  fill: ({ pid }) => refuseWrites(idOf(pid)),
  makeRoom: ({ pid }) => allowWrites(idOf(pid)),
  release: async () => undefined,
};

/** A file system of its own for the daemon's data; only where the tests may mount one. */
export const smallFileSystem: FullDisk = {
  what: 'the file system has no room (ENOSPC)',
  outlivesDaemon: true,
  async prepare({ dataDir }) {
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dataDir], { timeout: 10_000 });
  },
  /** The daemon writes meanwhile: what it takes cannot be had, and what it lets go of is taken a moment later. */
  async fill({ dataDir }) {
    const file = await open(join(dataDir, 'of-somebody-else'), 'wx');
    try {
      for (let refused = 0; refused < 10; ) {
        try {
          await file.write(Buffer.alloc(4096));
          refused = 0;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          refused++;
          await delay(20);
        }
      }
    } finally {
      await file.close();
    }
  },
  makeRoom: ({ dataDir }) => rm(join(dataDir, 'of-somebody-else')),
  async release({ dataDir }) {
    await execa('umount', [dataDir], { timeout: 10_000 });
  },
};

/** Whether the tests may mount something: as root, mostly, and outside of containers. */
export async function canMount(dir: string): Promise<boolean> {
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { reject: false });
  if (mounted.failed) return false;
  await execa('umount', [dir], { timeout: 10_000 });
  return true;
}

function idOf(pid: number | undefined): number {
  if (pid === undefined) throw new Error('the daemon does not run');
  return pid;
}
