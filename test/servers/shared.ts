import type { ServerHandle } from './process.js';

const running = new Map<string, Promise<ServerHandle>>();

/** The one server of a name that the test files of this process share; started when the first of them asks for it. */
export function shared<T extends ServerHandle>(name: string, start: () => Promise<T>): Promise<T> {
  const known = running.get(name) as Promise<T> | undefined;
  if (known) return known;
  const starting = start();
  running.set(name, starting);
  // A start that failed is tried again by the next file.
  starting.catch(() => running.delete(name));
  return starting;
}

/** Ends what was started for all; called after the last test. */
export async function stopShared(): Promise<void> {
  const servers = await Promise.allSettled(running.values());
  running.clear();
  for (const outcome of servers) if (outcome.status === 'fulfilled') await outcome.value.kill();
}
