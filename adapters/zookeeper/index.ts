import { defineAdapter } from '../../core/plugin/index.js';
import { zookeeperSchema } from './config.js';
import { ZookeeperSource } from './source.js';

/** Dubbo's providers in ZooKeeper, by interface and by application. */
export const zookeeperAdapter = defineAdapter({
  kind: 'zookeeper',
  stability: 'beta',
  schema: zookeeperSchema,
  defaultHost: '[{group|label}.][{version|label}.]{interface}[.{root|label}].dubbo',
  create: (config, deps) => new ZookeeperSource(config, deps),
});
