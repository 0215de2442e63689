import { http } from '../../support/http.js';

/** What the daemon says of itself at one moment. */
export interface Sample {
  readonly rssBytes: number;
  readonly openFds: number;
  /** Of the time since it was last asked. */
  readonly loopDelayP99Ms: number;
}

/** I9: the daemon's own metrics over a run. */
export class Samples {
  /** Before the first fault. */
  #before: Sample | undefined;
  readonly #all: Sample[] = [];

  /** Asks once; nothing when the daemon does not answer. */
  async take(url: string): Promise<void> {
    const sample = await readSample(url).catch(() => undefined);
    if (sample) this.#all.push(sample);
  }

  /** What was sampled last is how it was before the faults. */
  markBefore(): void {
    this.#before = this.#all.at(-1);
    this.#all.length = 0;
  }

  get before(): Sample | undefined {
    return this.#before;
  }

  get all(): readonly Sample[] {
    return this.#all;
  }
}

async function readSample(url: string): Promise<Sample> {
  const { body } = await http(`${url}/metrics`, { timeoutMs: 2000 });
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1] ?? Number.NaN);
  return {
    rssBytes: value('process_resident_memory_bytes'),
    openFds: value('process_open_fds'),
    loopDelayP99Ms: value('nodejs_eventloop_lag_p99_seconds') * 1000,
  };
}
