import { join } from 'node:path';
import pino from 'pino';
import { StateFile } from '../../../core/store/state-file.js';
import { systemClock } from '../../../core/time/index.js';

// Writes state after state until it is killed; prints the number of each that has begun.
const [dir = ''] = process.argv.slice(2);
let state = 0;
const file = new StateFile({
  ...{ path: join(dir, 'state.log'), kind: 'test-1', what: 'the state' },
  // Long enough for several writes to the system.
  snapshot: () => Array.from({ length: 40 }, (_, index) => `${state} ${index} ${'x'.repeat(20_000)}`),
  ...{ clock: systemClock, logger: pino({ level: 'silent' }) },
});
void file.run(new AbortController().signal);
setInterval(() => {
  state++;
  file.changed();
  process.stdout.write(`${state}\n`);
}, 2);
