import { matchesGlob } from '../catalog/glob.js';
import type { MergePolicy } from '../catalog/merge.js';
import type { MergeConfig } from './config.js';

/** The policy for a host: that of the first rule whose glob matches, else the default. */
export function mergePolicyOf(merge: MergeConfig): (host: string) => MergePolicy {
  return (host) => merge.rules.find((rule) => matchesGlob(rule.host, host))?.policy ?? merge.default;
}
