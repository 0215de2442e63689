import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time until now of a process's threads, but for those that have ended, in milliseconds (the first figure of their
 * `schedstat`, in ns: those of `stat` are in ticks of 10 ms).
 */
export function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let ns = 0;
  for (const task of readdirSync(tasks)) ns += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e6;
}

/** Resident memory of a process, now and at its highest, in MB (10^6 bytes). */
export function memoryMb(pid: number): { readonly rss: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { rss: (kib('VmRSS') * 1024) / 1e6, peak: (kib('VmHWM') * 1024) / 1e6 };
}
