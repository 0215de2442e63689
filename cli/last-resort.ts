/**
 * Ends the process `graceMs` from now if anything still holds it then: a source or sink that did not let go of a socket
 * must not keep a daemon that has stopped, for nobody would start it again. A process that ends by itself is not held up.
 * The exit code is what was set by then, else 1.
 */
export function exitAfter(graceMs: number): void {
  setTimeout(() => process.exit(process.exitCode ?? 1), graceMs).unref();
}
