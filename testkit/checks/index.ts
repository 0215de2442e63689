import type { SourceCheck } from '../source-check.js';
import { abortChecks } from './abort.js';
import { changeChecks } from './changes.js';
import { listingChecks } from './listing.js';
import { modelChecks } from './model.js';
import { outageChecks } from './outage.js';
import { resourceChecks } from './resources.js';
import { restartChecks } from './restart.js';

/** The Source contract, rule by rule. */
export const sourceChecks: readonly SourceCheck[] = [
  ...listingChecks,
  ...changeChecks,
  ...outageChecks,
  ...abortChecks,
  ...restartChecks,
  ...modelChecks,
  ...resourceChecks,
];
