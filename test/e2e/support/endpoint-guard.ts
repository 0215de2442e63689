import type { AdsClient } from '../../support/ads-client.js';

/**
 * Looks at every response that a sidecar gets and remembers each in which a live endpoint was missing: a request sent
 * in that moment would have failed or gone astray.
 */
export class EndpointGuard {
  readonly #stop: () => void;
  readonly #losses: string[] = [];
  #looks = 0;

  constructor(sidecar: AdsClient, cluster: string, targets: readonly string[]) {
    const look = () => {
      this.#looks++;
      const seen = new Set(sidecar.endpoints(cluster)?.map(({ target }) => target));
      const lost = targets.filter((target) => !seen.has(target));
      if (lost.length > 0) this.#losses.push(`${lost.join(', ')} at ${new Date().toISOString()}`);
    };
    look();
    if (this.#losses.length > 0) throw new Error(`not there at the start: ${this.#losses.join()}`);
    this.#stop = sidecar.onUpdate(look);
  }

  /** @throws Error when an endpoint was missing at any time so far. */
  assertUnbroken(): void {
    if (this.#losses.length === 0) return;
    throw new Error(`live endpoints were lost in ${this.#losses.length} of ${this.#looks} looks: ${this.#losses[0]}`);
  }

  /** Ends the watch. @throws Error when an endpoint was missing at any time. */
  verify(): void {
    this.#stop();
    this.assertUnbroken();
  }
}
