import { backoffMs } from '../../core/plugin/index.js';
import { isSameAnswer, type ListingHeader } from './application-splitter.js';
import type { PublishedRegistry } from './published-registry.js';
import type { ApplicationRecords } from './registry-view.js';

/** A delta in a form that the server makes up and keeps by itself. */
export interface OtherDelta {
  readonly hash: string;
  readonly recent: readonly ApplicationRecords[];
}

type Registry = Pick<PublishedRegistry, 'hash' | 'knows'>;

/** While the other deltas of a server are of no use, as they have other ids, say, it is asked for them rarely. */
const pause = { baseMs: 60_000, maxMs: 3_600_000 };

/**
 * Finds deltas that lack a change. A server makes up its answers while its registry changes, and keeps one that a change has
 * missed until another comes, or for minutes; the hash in it misses the change, too. While changes come the next delta
 * tells of all; so one that a server gives twice is compared, once, with another one.
 */
export class DeltaConfirmation {
  #last: ListingHeader | undefined;
  #confirmed: ListingHeader | undefined;
  #falseAlarms = 0;
  #pauseEndMs = 0;

  /**
   * Call for each delta with whose hash the registry agrees.
   * @param read the other delta; undefined when it cannot be had
   * @returns the other delta when it tells of something that the registry does not know
   */
  async contradiction(
    delta: ListingHeader,
    registry: Registry,
    nowMs: number,
    read: () => Promise<OtherDelta | undefined>,
  ): Promise<OtherDelta | undefined> {
    const isAgain = isSameAnswer(delta, this.#last);
    this.#last = delta;
    if (!isAgain || isSameAnswer(delta, this.#confirmed) || nowMs < this.#pauseEndMs) return undefined;
    const other = await read();
    if (other && !agrees(registry, other)) return other;
    this.#confirmed = delta;
    return undefined;
  }

  /** Everything was read again because of `other`, whether or not it was right: nothing more is asked about `delta`. */
  listed(delta: ListingHeader, other: OtherDelta, registry: Registry, nowMs: number): void {
    this.#confirmed = delta;
    if (agrees(registry, other)) this.#falseAlarms = 0;
    else this.#pauseEndMs = nowMs + backoffMs(this.#falseAlarms++, pause);
  }
}

function agrees(registry: Registry, { hash, recent }: OtherDelta): boolean {
  return hash === registry.hash() && registry.knows(recent);
}
