import type { Clock } from '../../../core/plugin/index.js';
import type { ApplicationInstance } from '../application-instance.js';
import type { MetadataInfo } from '../metadata-info.js';

export interface MetadataKeeperOptions {
  /**
   * The metadata report's JSON for `storage: 'remote'`; undefined when there is none. Not called for `local`.
   * @throws whatever goes wrong; it is told and tried again
   */
  readonly readReport: (application: string, revision: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Metadata of a revision have come: {@link MetadataKeeper.get} has them now. */
  readonly onArrival: (application: string, revision: string) => void;
  /** An attempt failed, and will be repeated; the message can be shown. Ends with `onArrival`, or when nobody announces it. */
  readonly onFailure: (application: string, revision: string, error: Error) => void;
  readonly clock: Clock;
  /** Ends all attempts. */
  readonly signal: AbortSignal;
  /** For one answer. Default 3000. */
  readonly timeoutMs?: number;
  /** Providers asked and reports read at once. Default 16. */
  readonly concurrency?: number;
  /** Longest answer of a provider, bytes. Default 16 MiB. */
  readonly maxAnswerBytes?: number;
  readonly random?: () => number;
}

/**
 * Has the metadata of every revision that instances announce: fetches what is not known, from the report or from one
 * announcing instance after another, again and again with back-off, and forgets what nobody announces any more (but for
 * the latest few, which often come back).
 */
export class MetadataKeeper {
  readonly #options: MetadataKeeperOptions;

  constructor(options: MetadataKeeperOptions) {
    this.#options = options;
  }

  get(_application: string, _revision: string): MetadataInfo | undefined {
    return undefined;
  }

  /** The complete list of an application's instances; none when it is gone. Synchronous: fetching goes on behind it. */
  follow(_application: string, _instances: readonly ApplicationInstance[]): void {}

  /** Resolves when every revision followed by now was fetched or has failed once; rejects when `signal` aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#options.signal.throwIfAborted();
  }
}
