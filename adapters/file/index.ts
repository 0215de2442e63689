import { defineAdapter } from '../../core/plugin/index.js';
import { fileSchema } from './config.js';
import { FileSource } from './source.js';

/** Services from YAML or JSON files. */
export const fileAdapter = defineAdapter({
  kind: 'file',
  stability: 'beta',
  schema: fileSchema,
  defaultHost: '{name}.file',
  create: (config, deps) => new FileSource(config, deps),
});
