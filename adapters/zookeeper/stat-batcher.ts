import type { ZookeeperConnection } from './connection.js';
import type { FoundStat } from './multi-read.js';
import { hasCode } from './zookeeper-error.js';

/** Nodes in one request. Their data come along, which for the nodes asked about are short. */
const maxBatch = 64;
/** A connection that ends over the first such request may have ended for another reason; twice is no chance. */
const maxTrials = 2;

/** Whether the servers know requests for many nodes, as far as was seen; for all connections of one source. */
export class BatchSupport {
  #isKnown = false;
  #failedTrials = 0;

  get isUsable(): boolean {
    return this.#isKnown || this.#failedTrials < maxTrials;
  }

  worked(): void {
    this.#isKnown = true;
  }

  /** @param isFirst whether it is the first failure over its connection: one that ends takes all requests with it */
  failed(error: unknown, isFirst: boolean): void {
    if (this.#isKnown) return;
    if (hasCode(error, 'UNIMPLEMENTED')) this.#failedTrials = maxTrials;
    else if (isFirst) this.#failedTrials++;
  }
}

interface Waiting {
  readonly path: string;
  readonly resolve: (found: FoundStat) => void;
}

/**
 * Asks for the states of nodes in few requests: what is asked for in one turn of the event loop goes out together. Servers
 * that do not know such requests end the session over them, so it is for those that have recursive watches, which came
 * with the same version.
 */
export class StatBatcher {
  readonly #connection: Pick<ZookeeperConnection, 'stats'>;
  readonly #support: BatchSupport;
  #waiting: Waiting[] = [];
  #hasFailed = false;

  constructor(connection: Pick<ZookeeperConnection, 'stats'>, support: BatchSupport) {
    this.#connection = connection;
    this.#support = support;
  }

  /** The node's state; undefined when there is none; `refused` when it has to be asked for by itself. Never rejects. */
  find(path: string): Promise<FoundStat> {
    if (!this.#support.isUsable) return Promise.resolve('refused');
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ path, resolve });
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += maxBatch)
      void this.#ask(waiting.slice(start, start + maxBatch));
  }

  async #ask(batch: readonly Waiting[]): Promise<void> {
    let found: readonly FoundStat[] = [];
    try {
      found = await this.#connection.stats(batch.map(({ path }) => path));
      this.#support.worked();
    } catch (error) {
      // Each is asked for by itself then, and that tells what is wrong.
      this.#support.failed(error, !this.#hasFailed);
      this.#hasFailed = true;
    }
    for (const [index, { resolve }] of batch.entries()) resolve(found.length === 0 ? 'refused' : found[index]);
  }
}
