import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { HostTemplate } from '../../../core/catalog/host-template.js';
import { LiveCatalog } from '../../../core/catalog/live-catalog.js';
import { Naming } from '../../../core/catalog/naming.js';
import { Readiness } from '../../../core/catalog/readiness.js';
import { History } from '../../../core/history/history.js';
import type { HistoryOptions } from '../../../core/history/history-writer.js';
import { systemClock } from '../../../core/time/index.js';
import { poll } from '../../support/poll.js';

/** A time that tests move. */
export interface ManualTime {
  nowMs: number;
}

/** A catalog that is ready and whose changes are recorded, as the daemon does it. */
export class Recorded {
  readonly catalog: LiveCatalog;
  readonly history: History;
  readonly lines: { msg: string; level: number }[] = [];
  readonly readiness = new Readiness([{ name: 'a', graceMs: 1000 }]);
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(dir: string, time: ManualTime, options: Partial<HistoryOptions> = {}) {
    const template = new HostTemplate('{name}.mesh');
    const templates = ['a', 'b'].map((name) => [name, template] as const);
    this.history = new History({
      dir,
      version: '1.2.3',
      configHash: 'one',
      clock: { now: () => time.nowMs, sleep: systemClock.sleep },
      logger: pino({ base: null }, { write: (line: string) => void this.lines.push(JSON.parse(line)) }),
      commitMs: 2,
      settleMs: 0,
      ...options,
    });
    this.catalog = new LiveCatalog({
      sources: ['a', 'b'],
      naming: new Naming([], new Map(templates)),
      policyOf: () => ({ mode: 'union' }),
      readiness: this.readiness,
      onChanged: (changes) => this.history.record(changes),
    });
  }

  /** Begins to record; what is in the catalog is what it came up with. */
  async start(): Promise<this> {
    this.#running = this.history.run(this.catalog, this.#stop.signal);
    this.readiness.listed('a');
    this.readiness.synced('a');
    const isUnderWay = () => {
      const { written, write } = this.history.status();
      return written > 0 || write.state !== 'writing';
    };
    await poll(isUnderWay, { intervalMs: 2, what: 'the history to begin' });
    return this;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

/** A folder and a time of each test's own, and what records in them; stopped and removed after it. */
export interface Recordings {
  readonly dir: string;
  readonly time: ManualTime;
  make(options?: Partial<HistoryOptions>): Recorded;
}

/** To be called in a `describe`. */
export function useRecordings(): Recordings {
  let dir = '';
  let time: ManualTime = { nowMs: 0 };
  let all: Recorded[] = [];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-history-'));
    time = { nowMs: Date.parse('2026-03-01T12:00:00Z') };
    all = [];
  });
  afterEach(async () => {
    for (const one of all) await one.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    get dir() {
      return dir;
    },
    get time() {
      return time;
    },
    make(options = {}) {
      const recorded = new Recorded(dir, time, options);
      all.push(recorded);
      return recorded;
    },
  };
}
