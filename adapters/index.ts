import type { Adapter } from '../core/plugin/index.js';
import { apiAdapter } from './api/index.js';
import { consulAdapter } from './consul/index.js';
import { dnsAdapter } from './dns/index.js';
import { eurekaAdapter } from './eureka/index.js';
import { fileAdapter } from './file/index.js';
import { kubernetesAdapter } from './kubernetes/index.js';
import { nacosAdapter } from './nacos/index.js';
import { zookeeperAdapter } from './zookeeper/index.js';

/** The registries that Isthmus reads. */
export const adapters: readonly Adapter[] = [
  zookeeperAdapter,
  nacosAdapter,
  eurekaAdapter,
  consulAdapter,
  kubernetesAdapter,
  dnsAdapter,
  fileAdapter,
  apiAdapter,
];
