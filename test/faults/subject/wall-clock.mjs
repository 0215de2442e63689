// Loaded into the daemon before its own code: a wall clock that is wrong by as many milliseconds as the file `clock` in
// its folder says. It is read at the start and at each SIGUSR2. Timers go on as they are, as they do when an operator or a
// time server sets the clock of a machine.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const RealDate = Date;
let shiftMs = 0;

function now() {
  return RealDate.now() + shiftMs;
}

function read() {
  try {
    shiftMs = Number(readFileSync(join(process.env.ISTHMUS_TEST_DIR, 'clock'), 'utf8'));
  } catch {
    shiftMs = 0;
  }
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
});
read();
process.on('SIGUSR2', read);
