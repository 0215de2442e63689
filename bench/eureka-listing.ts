import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SourceTable } from '../core/source/source-table.js';
import { makeSource } from '../test/adapters/eureka/make-source.js';
import { Recorder } from '../testkit/index.js';
import type { Scale } from './scale.js';

export interface ListingFigures {
  readonly megabytes: number;
  /** Start → the whole listing is published. */
  readonly firstMs: number;
  /** The longest that nothing else could run while it was read and published. */
  readonly firstStallMs: number;
  /** The same for a listing with nothing new in it. */
  readonly nextStallMs: number;
  readonly heapMb: number;
}

/** Reads a large Eureka listing from another process and watches its own event loop. */
export async function measureEurekaListing({ services, instances }: Scale): Promise<ListingFigures> {
  const path = fileURLToPath(new URL('listing-server.ts', import.meta.url));
  const server = fork(path, [`${services}`, `${instances}`], { execArgv: ['--import', 'tsx'] });
  const [{ port, bytes }] = (await once(server, 'message')) as [{ port: number; bytes: number }];
  const table = new SourceTable(() => undefined);
  const out = new Output(table);
  const source = makeSource({ servers: [`http://127.0.0.1:${port}/eureka`], intervalMs: 1000, dashboardIntervalMs: 0 });
  const abort = new AbortController();
  const run = source.run(out, abort.signal);
  try {
    const first = await watched(() => out.listed);
    const next = await watched(() => source.audit(abort.signal));
    return {
      megabytes: bytes / 1e6,
      firstMs: first.tookMs,
      firstStallMs: first.stallMs,
      nextStallMs: next.stallMs,
      heapMb: process.memoryUsage().heapUsed / 1e6,
    };
  } finally {
    abort.abort();
    await run;
    server.disconnect();
    await once(server, 'exit');
  }
}

/** What the core does with a listing, in the turn in which it is handed over. */
class Output extends Recorder {
  readonly #table: SourceTable;
  #resolve: () => void = () => undefined;
  readonly listed = new Promise<void>((resolve) => {
    this.#resolve = resolve;
  });

  constructor(table: SourceTable) {
    super();
    this.#table = table;
  }

  override replaceAll(services: Parameters<Recorder['replaceAll']>[0]): void {
    this.#table.replaceAll(services);
    this.#resolve();
  }
}

/**
 * Runs `work` and finds the longest turn of the event loop meanwhile, in CPU time of the process: on a machine that others use
 * too, the clock would tell of them.
 */
async function watched(work: () => Promise<unknown>): Promise<{ tookMs: number; stallMs: number }> {
  let longestUs = 0;
  let ended = false;
  let before = process.cpuUsage();
  const look = () => {
    const now = process.cpuUsage();
    longestUs = Math.max(longestUs, now.user - before.user + now.system - before.system);
    before = now;
    if (!ended) setImmediate(look);
  };
  setImmediate(look);
  const began = performance.now();
  await work();
  const tookMs = performance.now() - began;
  // The turn that the work ended in counts as well.
  await new Promise((resolve) => setTimeout(resolve, 20));
  ended = true;
  return { tookMs, stallMs: longestUs / 1000 };
}
