import { defineAdapter } from '../../core/plugin/index.js';
import { zookeeperSchema } from './config.js';
import { ZookeeperSource } from './source.js';

/** Dubbo's interface-level providers in ZooKeeper. */
export const zookeeperAdapter = defineAdapter({
  kind: 'zookeeper',
  stability: 'beta',
  schema: zookeeperSchema,
  defaultHost: '[{group|label}.][{version|label}.]{interface}.dubbo',
  create: (config, deps) => new ZookeeperSource(config, deps),
});
