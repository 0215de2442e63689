import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../core/config/config.js';
import type { Sink, SinkStatus } from '../core/sink/sink.js';
import { FolderHeldError, FolderLock } from '../core/store/folder-lock.js';
import { wallClock } from '../core/time/index.js';
import { assemble, type DaemonParts } from './wire.js';

export interface DaemonOptions {
  /** Aborting it ends the daemon cleanly. */
  readonly signal: AbortSignal;
  /** Called once, when everything that listens does. */
  readonly onStarted?: (started: Started) => void;
}

export interface Started {
  /** `HOST:PORT` of the API. */
  readonly api: string;
  readonly sinks: readonly { readonly name: string; readonly kind: string; readonly listening: string }[];
}

/** How often the start looks whether the sinks listen. */
const startLookMs = 10;

/**
 * Runs the daemon until `signal` aborts. The way out comes up first, so that nothing is read that can't be served.
 * @throws what a listener or a sink could not do, as a port that is taken; everything else is a status and a retry
 */
export async function runDaemon(config: Config, { signal, onStarted }: DaemonOptions): Promise<void> {
  const parts = assemble(config);
  const stop = new AbortController();
  const forward = () => stop.abort(signal.reason);
  if (signal.aborted) forward();
  else signal.addEventListener('abort', forward, { once: true });
  try {
    await withDataFolder(config, parts.logger, stop, () => run(parts, stop, onStarted));
  } finally {
    stop.abort();
    signal.removeEventListener('abort', forward);
    parts.logger.info('stopped');
    parts.logger.flush();
  }
}

/** What is kept on disk belongs to one daemon at a time. @throws FolderHeldError when another one has it */
async function withDataFolder(
  config: Config,
  logger: Logger,
  stop: AbortController,
  work: () => Promise<void>,
): Promise<void> {
  if (!config.warmStart.enabled && !config.history.enabled) return work();
  let lost: Error | undefined;
  const onLost = () => {
    lost = new Error(`another daemon has taken the data folder ${config.data}`);
    stop.abort(lost);
  };
  let lock: FolderLock;
  try {
    lock = await FolderLock.take({ dir: config.data, clock: wallClock, onLost });
  } catch (error) {
    if (error instanceof FolderHeldError) throw error;
    // A full or read-only disk keeps nobody from serving what the registries say.
    const text = 'the data folder cannot be locked; it is written all the same when that is possible';
    logger.error({ err: error, data: config.data }, text);
    return work();
  }
  const release = new AbortController();
  const holding = lock.hold(release.signal);
  try {
    await work();
  } finally {
    release.abort();
    await holding;
  }
  if (lost !== undefined) throw lost;
}

async function run(parts: DaemonParts, stop: AbortController, onStarted: DaemonOptions['onStarted']): Promise<void> {
  const { engine, history, api, quarantine, sinks, logger } = parts;
  await quarantine.load();
  const { address } = await api.start();
  // A signal for each part, or the number of parts would be that of the listeners on one.
  const ownSignal = () => AbortSignal.any([stop.signal]);
  const failures: unknown[] = [];
  const guard = async (what: string, running: Promise<void>) => {
    try {
      await running;
      if (!stop.signal.aborted) throw new Error(`${what} ended by itself`);
    } catch (error) {
      if (!stop.signal.aborted) failures.push(error);
      else logger.warn({ err: error }, `${what} did not end cleanly`);
      stop.abort(error);
    }
  };
  try {
    const running = sinks.map(({ name, sink }) => guard(`sink ${name}`, sink.run(engine.catalog, ownSignal())));
    if (history) running.push(guard('the history', history.run(engine.catalog, ownSignal())));
    const listening = await untilListening(sinks, stop.signal);
    if (listening) onStarted?.({ api: address, sinks: listening });
    if (!stop.signal.aborted) running.push(guard('the engine', engine.run(ownSignal())));
    await Promise.all(running);
  } finally {
    await api.stop();
  }
  if (failures.length > 0) throw failures[0];
}

/** @returns undefined when the signal aborts first */
async function untilListening(
  sinks: readonly { readonly name: string; readonly kind: string; readonly sink: Sink }[],
  signal: AbortSignal,
): Promise<Started['sinks'] | undefined> {
  const isUp = ({ listening, ready }: SinkStatus) => listening !== undefined || ready;
  while (!signal.aborted) {
    // A failed sink aborts the signal, so this ends.
    if (sinks.every(({ sink }) => isUp(sink.status()))) {
      return sinks.map(({ name, kind, sink }) => ({ name, kind, listening: sink.status().listening ?? '' }));
    }
    await delay(startLookMs, undefined, { signal }).catch(() => undefined); // an abort ends the loop above
  }
  return undefined;
}
