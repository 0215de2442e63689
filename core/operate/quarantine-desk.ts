import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { ChangeCause } from '../catalog/change-cause.js';
import type { Service } from '../model/index.js';
import { Quarantine, type QuarantineEntry } from '../shape/quarantine.js';
import type { QuarantineFile } from '../shape/quarantine-file.js';
import { Breather } from '../store/breather.js';
import { backoffMs, type Clock } from '../time/index.js';

export interface QuarantineDeskOptions {
  readonly quarantine: Quarantine;
  readonly file: QuarantineFile;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Has all services shaped anew. */
  readonly reshape: (cause: ChangeCause) => void;
  /** What guards let through, by source. */
  readonly services: () => Iterable<readonly [source: string, service: Service]>;
}

/** Instances that an entry is about. */
export interface QuarantineMatch {
  readonly source: string;
  readonly service: string;
  readonly instance: string;
}

const retry = { baseMs: 1000, maxMs: 30_000 };

/** Where operators put instances into quarantine and take them out; kept over restarts. */
export class QuarantineDesk {
  readonly #options: QuarantineDeskOptions;
  /** Failed writes since the last good one. */
  #failures = 0;
  /** When it is tried again. */
  #retryAtMs: number | undefined;

  constructor(options: QuarantineDeskOptions) {
    this.#options = options;
  }

  get entries(): readonly QuarantineEntry[] {
    return this.#options.quarantine.entries;
  }

  /** Puts in what operators had quarantined before a restart; never rejects. */
  async load(): Promise<void> {
    const { file, quarantine, clock, logger } = this.#options;
    try {
      for (const entry of await file.read()) quarantine.add(entry);
      quarantine.expire(clock.now());
    } catch (error) {
      logger.error({ err: error }, 'the quarantine of before the restart cannot be read; nothing is quarantined by it');
    }
  }

  /**
   * What an entry would take out of traffic now. Looks at everything, and lets other work in between.
   * @throws SyntaxError for an address that is none; the signal's reason
   */
  async matches(entry: QuarantineEntry, signal: AbortSignal): Promise<readonly QuarantineMatch[]> {
    const alone = new Quarantine([entry]);
    const found: QuarantineMatch[] = [];
    const breather = new Breather();
    for (const [source, service] of this.#options.services()) {
      if (breather.isDue) await breather.breathe(signal);
      if (!alone.concerns(source, service.name)) continue;
      for (const instance of service.instances) {
        if (alone.find(source, service.name, instance)) {
          found.push({ source, service: service.name, instance: instance.id });
        }
      }
    }
    return found;
  }

  /**
   * @returns the entry, and whether it will be there after a restart: a full disk keeps nobody from quarantining
   * @throws SyntaxError for an address that is none
   */
  async add(
    wanted: Omit<QuarantineEntry, 'id' | 'sinceMs' | 'from'>,
  ): Promise<{ entry: QuarantineEntry; kept: boolean }> {
    const { quarantine, clock, logger, reshape } = this.#options;
    const id = randomBytes(4).toString('hex');
    const entry: QuarantineEntry = { ...wanted, id, sinceMs: clock.now(), from: 'operator' };
    quarantine.add(entry);
    logger.warn({ quarantine: entry }, 'an operator quarantines instances');
    reshape({ kind: 'operator', detail: `quarantine ${id}: ${entry.reason}` });
    return { entry, kept: await this.#keep() };
  }

  /** @returns undefined when there is no such entry of an operator; else whether that will be so after a restart */
  async remove(id: string): Promise<{ kept: boolean } | undefined> {
    const { quarantine, logger, reshape } = this.#options;
    const entry = quarantine.entries.find((candidate) => candidate.id === id && candidate.from === 'operator');
    if (!entry) return undefined;
    quarantine.remove(id);
    logger.warn({ quarantine: entry }, 'an operator ends a quarantine');
    reshape({ kind: 'operator', detail: `quarantine ${id} is over` });
    return { kept: await this.#keep() };
  }

  /** Ends what has run its time, and writes again what could not be written. */
  tick(nowMs: number): void {
    const { quarantine, logger, reshape } = this.#options;
    if (this.#retryAtMs !== undefined && nowMs >= this.#retryAtMs) void this.#keep();
    const over = quarantine.expire(nowMs);
    if (over.length === 0) return;
    for (const entry of over) logger.info({ quarantine: entry }, 'a quarantine is over');
    reshape({ kind: 'operator', detail: `quarantine ${over.map(({ id }) => id).join(', ')} has run out` });
    void this.#keep();
  }

  async #keep(): Promise<boolean> {
    const { file, logger, clock } = this.#options;
    this.#retryAtMs = undefined;
    try {
      await file.write(this.entries.filter(({ from }) => from === 'operator'));
    } catch (error) {
      const text = 'the quarantine cannot be written to disk; a restart forgets the last change of it until it can';
      if (this.#failures === 0) logger.error({ err: error }, text);
      this.#retryAtMs = clock.now() + backoffMs(this.#failures++, retry);
      return false;
    }
    if (this.#failures > 0) logger.info('the quarantine is written to disk again');
    this.#failures = 0;
    return true;
  }
}
