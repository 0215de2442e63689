import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const mebibyte = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What a piece of work took of this process. */
export interface Cost {
  /** Processor time of all threads: other work on the machine does not count in. */
  readonly cpuMs: number;
  /** What stays in the heap and beside it, after a collection. */
  readonly heldMiB: number;
}

export async function costOf(work: () => unknown): Promise<Cost> {
  const held = () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000, heldMiB: (held() - before) / mebibyte };
}
