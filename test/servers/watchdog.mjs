// Kills what its parent leaves behind. Lines on stdin: "+PID" started, "-PID" ended, "dPATH" a scratch folder. Stdin ends
// when the parent dies, however it dies; what is then still known is killed and removed.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const pids = new Set();
const dirs = new Set();

for await (const line of createInterface({ input: process.stdin })) {
  const value = line.slice(1);
  if (line.startsWith('+')) pids.add(Number(value));
  else if (line.startsWith('-')) pids.delete(Number(value));
  else if (line.startsWith('d')) dirs.add(value);
}

for (const pid of pids) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
