import type { Lease } from './buffer-pool.js';

/** The newest state of one type, the same for all streams. */
export interface AdsState {
  /** Differs from that of every other state of the type in this process, so that it serves as the nonce of all streams. */
  readonly nonce: string;
  /** Content hash: `version_info`. */
  readonly version: string;
  /** The whole DiscoveryResponse, encoded on the first call and shared by all streams; released once it is written. */
  lease(): Lease;
}

/** What streams serve. Whoever implements it calls `changed()` of each stream when a state is replaced. */
export interface AdsContent {
  /** The newest state of a type, or undefined while it must not be answered yet. */
  state(typeUrl: string): AdsState | undefined;
}
