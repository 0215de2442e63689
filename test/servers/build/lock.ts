import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface LockOptions {
  /** How long to wait for another process to finish. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called once, with the holder's pid, when the lock has to be waited for. */
  onWait?(pid: number): void;
}

/**
 * Takes an exclusive lock between processes: a file with the holder's pid. A lock whose holder is no longer alive is
 * taken over. The returned function releases it.
 */
export async function acquireLock(path: string, options: LockOptions): Promise<() => void> {
  const deadline = Date.now() + options.timeoutMs;
  let told = false;
  for (;;) {
    const holder = tryLock(path);
    if (holder === undefined) return () => rmSync(path, { force: true });
    if (!told) {
      told = true;
      options.onWait?.(holder);
    }
    if (Date.now() > deadline) throw new Error(`${path} is still held by process ${holder}`);
    await delay(200, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/**
 * One attempt, without waiting. The file is linked into place with the pid already in it, so that nobody ever reads a
 * lock that is half written.
 * @returns undefined when the lock was taken, else the pid of the process that holds it.
 */
export function tryLock(path: string): number | undefined {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, `${process.pid}`);
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        linkSync(mine, path);
        return undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readHolder(path);
      if (holder !== undefined && isAlive(holder)) return holder;
      removeStale(path);
    }
    return readHolder(path) ?? 0;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes a dead process's lock; one that another process took over in this very moment is put back. */
function removeStale(path: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
    const holder = readHolder(aside);
    if (holder !== undefined && isAlive(holder)) linkSync(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readHolder(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, and another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
