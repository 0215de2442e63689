import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export const folderMode = 0o700;
export const fileMode = 0o600;

/** Damaged files kept of one name; the oldest goes. */
const maxDamaged = 3;

/** Makes the folder, for its owner alone. @throws what the file system throws */
export async function makeFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: folderMode });
}

/** Makes new, renamed and removed names durable, where folders can be synced. */
export async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Moves a file that can't be used out of the way, for somebody to look at; a few are kept.
 * @returns its new path
 * @throws what the file system throws
 */
export async function setAside(path: string, nowMs: number): Promise<string> {
  const dir = dirname(path);
  const stem = `${basename(path)}.damaged-`;
  const known = (await readdir(dir)).filter((name) => name.startsWith(stem)).sort();
  for (const old of known.slice(0, Math.max(0, known.length - maxDamaged + 1))) await rm(join(dir, old));
  // Sorts by time, and has no colons, which some file systems refuse.
  let aside = join(dir, `${stem}${timeStamp(nowMs)}`);
  if (known.includes(basename(aside))) aside = `${aside}-${process.pid}`;
  await rename(path, aside);
  return aside;
}

function timeStamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[-:]/g, '');
}
