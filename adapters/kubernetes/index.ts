import { defineAdapter } from '../../core/plugin/index.js';
import { kubernetesSchema } from './config.js';
import { KubernetesSource } from './source.js';

/** Services of a Kubernetes cluster, with their EndpointSlices, followed by watches. */
export const kubernetesAdapter = defineAdapter({
  kind: 'kubernetes',
  stability: 'beta',
  schema: kubernetesSchema,
  defaultHost: '{name}.{namespace|label}.kubernetes',
  create: (config, deps) => new KubernetesSource(config, deps),
});
