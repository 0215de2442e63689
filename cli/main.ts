#!/usr/bin/env node
import type { CliContext } from './context.js';
import { boundHeapGrowth } from './heap.js';
import { exitAfter } from './last-resort.js';
import { runProgram } from './program.js';
import { version } from './version.js';

const stop = new AbortController();
const outputClosed = new AbortController();
// Once: whoever asks a second time is not made to wait for a clean end.
const signals = ['SIGINT', 'SIGTERM'] as const;
const onSignal = (name: NodeJS.Signals) => {
  for (const each of signals) process.off(each, onSignal);
  stop.abort(new Error(`got ${name}`));
};
for (const name of signals) process.on(name, onSignal);
// A reader that has seen enough, as `| head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  outputClosed.abort();
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** Sources have 1.5 s to stop, sinks and the API 2 s each. */
const endGraceMs = 10_000;

const context: CliContext = {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
  outputClosed: outputClosed.signal,
  version,
  loadPlugins: async () => (await import('./wire.js')).plugins,
  runDaemon: async (config, options) => {
    boundHeapGrowth();
    const { runDaemon } = await import('./daemon.js');
    options.signal.addEventListener('abort', () => exitAfter(endGraceMs), { once: true });
    try {
      await runDaemon(config, options);
    } finally {
      exitAfter(endGraceMs);
    }
  },
};
// Not process.exit(): it would cut off what is still being written.
process.exitCode = await runProgram(process.argv.slice(2), context);
