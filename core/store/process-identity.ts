import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process of which machine somebody is, as well as it can be told. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in the system's own count: tells it from a later process with its id. Empty when not known. */
  readonly startedAt: string;
  /** Boot and process namespace: within one, process ids mean the same. */
  readonly space: string;
}

/** @returns a file's text, or nothing where the system has no such file (all but Linux) */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Field 22 of proc_pid_stat(5); the name in field 2 may have spaces and brackets. */
function startOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export function ownIdentity(): ProcessIdentity {
  let namespace = '';
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // not Linux: the name of the host has to do
  }
  const space = `${hostname()} ${read('/proc/sys/kernel/random/boot_id')} ${namespace}`;
  return { pid: process.pid, startedAt: startOf(process.pid), space };
}

/**
 * - `alive`, `dead`: a process of this machine
 * - `unknown`: of another machine or container, which can't be looked at
 */
export function livenessOf(
  { pid, startedAt, space }: ProcessIdentity,
  own: ProcessIdentity,
): 'alive' | 'dead' | 'unknown' {
  if (space !== own.space) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EPERM';
    if (!isThere) return 'dead';
  }
  return startOf(pid) === startedAt ? 'alive' : 'dead';
}
