import type { Found } from './multi-read.js';
import { hasCode } from './zookeeper-error.js';

/** A connection that ends over the first such request may have ended for another reason; twice is no chance. */
const maxTrials = 2;

/** Whether the servers know requests for many nodes, as far as was seen; for all connections of one source. */
export class BatchSupport {
  #isKnown = false;
  #failedTrials = 0;

  /** For the requests of one connection: one that ends takes all of them with it. */
  connection(): ConnectionSupport {
    let hasFailed = false;
    return {
      isUsable: () => this.#isKnown || this.#failedTrials < maxTrials,
      worked: () => {
        this.#isKnown = true;
      },
      failed: (error) => {
        if (!this.#isKnown && hasCode(error, 'UNIMPLEMENTED')) this.#failedTrials = maxTrials;
        else if (!this.#isKnown && !hasFailed) this.#failedTrials++;
        hasFailed = true;
      },
    };
  }
}

/** What {@link BatchSupport} is told by one connection. */
export interface ConnectionSupport {
  isUsable(): boolean;
  worked(): void;
  failed(error: unknown): void;
}

interface Waiting<T> {
  readonly path: string;
  readonly resolve: (found: Found<T>) => void;
}

export interface ReadBatcherOptions<T> {
  readonly support: ConnectionSupport;
  /** Most nodes in one request. */
  readonly maxBatch: number;
  /** Asks for nodes in one request, and gives what was found in their order. */
  readonly read: (paths: readonly string[]) => Promise<readonly Found<T>[]>;
}

/**
 * Asks for many nodes in few requests: what is asked for in one turn of the event loop goes out together. Servers
 * that do not know such requests end the session over them, so it is for those that have recursive watches, which came
 * with the same version.
 */
export class ReadBatcher<T> {
  readonly #options: ReadBatcherOptions<T>;
  #waiting: Waiting<T>[] = [];

  constructor(options: ReadBatcherOptions<T>) {
    this.#options = options;
  }

  /** What there is of a node; undefined when there is none; `refused` when it has to be asked for by itself. Never rejects. */
  find(path: string): Promise<Found<T>> {
    if (!this.#options.support.isUsable()) return Promise.resolve('refused');
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ path, resolve });
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    const { maxBatch } = this.#options;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += maxBatch)
      void this.#ask(waiting.slice(start, start + maxBatch));
  }

  async #ask(batch: readonly Waiting<T>[]): Promise<void> {
    const { support, read } = this.#options;
    let found: readonly Found<T>[] = [];
    try {
      found = await read(batch.map(({ path }) => path));
      support.worked();
    } catch (error) {
      // Each is asked for by itself then, and that tells what is wrong.
      support.failed(error);
    }
    for (const [index, { resolve }] of batch.entries()) resolve(found.length === 0 ? 'refused' : found[index]);
  }
}
