import { defineAdapter } from '../../core/plugin/index.js';
import { eurekaSchema } from './config.js';
import { EurekaSource } from './source.js';

/** Netflix Eureka, by its REST interface as Spring Cloud and the Java client use it. */
export const eurekaAdapter = defineAdapter({
  kind: 'eureka',
  stability: 'beta',
  schema: eurekaSchema,
  defaultHost: '{name}.eureka',
  create: (config, deps) => new EurekaSource(config, deps),
});
