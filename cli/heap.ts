import { setFlagsFromString } from 'node:v8';

/** Of what a collection leaves, in percent. */
const growingPercent = 50;

/**
 * Has V8 collect when the heap has grown by half. By itself it waits for up to four times what is in use, by how fast that
 * grows: a daemon would for ever be as large as its start was busy. The flag is V8's own and no interface of Node.js; one
 * that does not know it says so on standard error, and goes on.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}
