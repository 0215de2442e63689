import { execa } from 'execa';

/**
 * Lets a process write no more to any file, as on a full disk, by its limit on the size of files: what it writes fails with
 * EFBIG. Needs no rights, on any Linux. Its connections and pipes go on.
 */
export async function refuseWrites(pid: number): Promise<void> {
  await setLimit(pid, '0');
}

export async function allowWrites(pid: number): Promise<void> {
  await setLimit(pid, 'unlimited');
}

/** The soft limit alone: a hard one could not be taken back. */
async function setLimit(pid: number, bytes: string): Promise<void> {
  await execa('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:`], { timeout: 10_000 });
}
