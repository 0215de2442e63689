import { defineAdapter } from '../../core/plugin/index.js';
import { consulSchema } from './config.js';
import { ConsulSource } from './source.js';

/** Services of HashiCorp Consul, followed by blocking queries. */
export const consulAdapter = defineAdapter({
  kind: 'consul',
  stability: 'beta',
  schema: consulSchema,
  defaultHost: '{name}[.{namespace|label}.ns][.{datacenter|label}].consul',
  create: (config, deps) => new ConsulSource(config, deps),
});
