import { createHash } from 'node:crypto';
import type { DiscoveryResponse } from '../../../proto/gen/discovery.js';

/**
 * I4 of one client over all its streams: no nonce twice on a stream, and a version stands for one content and a content
 * for one version, over restarts of the daemon too.
 */
export class StreamOrder {
  readonly #nonces = new Set<string>();
  readonly #contentOf = new Map<string, string>();
  readonly #versionOf = new Map<string, string>();

  /** A stream begins. */
  begin(): void {
    this.#nonces.clear();
  }

  /** @returns what is wrong with a response, in words */
  check({ versionInfo, nonce, resources }: DiscoveryResponse): string | undefined {
    if (this.#nonces.has(nonce)) return `nonce ${nonce} came twice on one stream`;
    this.#nonces.add(nonce);
    const hash = createHash('sha256');
    for (const { value } of resources) hash.update(`${value.length} `).update(value);
    const content = hash.digest('base64');
    const known = this.#contentOf.get(versionInfo);
    if (known !== undefined && known !== content) return `version ${versionInfo} stands for two contents`;
    const version = this.#versionOf.get(content);
    if (version !== undefined && version !== versionInfo) return `one content has versions ${version}, ${versionInfo}`;
    this.#contentOf.set(versionInfo, content);
    this.#versionOf.set(content, versionInfo);
    return undefined;
  }
}
