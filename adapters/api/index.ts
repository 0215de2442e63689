import { defineAdapter } from '../../core/plugin/index.js';
import { apiSchema } from './config.js';
import { ApiSource } from './source.js';

/** A REST registry inside Isthmus, for whatever has no registry of its own. */
export const apiAdapter = defineAdapter({
  kind: 'api',
  stability: 'beta',
  schema: apiSchema,
  defaultHost: '{name}.api',
  create: (config, deps) => new ApiSource(config, deps),
});
