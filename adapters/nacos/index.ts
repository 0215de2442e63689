import { defineAdapter } from '../../core/plugin/index.js';
import { nacosSchema } from './config.js';
import { NacosSource } from './source.js';

/** Nacos 2.x and 3.x, by gRPC push. */
export const nacosAdapter = defineAdapter({
  kind: 'nacos',
  stability: 'beta',
  schema: nacosSchema,
  defaultHost: '{name}[.{group|label}][.{namespace|label}].nacos',
  create: (config, deps) => new NacosSource(config, deps),
});
