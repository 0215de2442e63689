import type { Plugin, SinkDeps } from '../../core/plugin/index.js';
import { kubernetesSinkSchema } from './config.js';
import { KubernetesSink } from './kubernetes-sink.js';

export { KubernetesSink, type KubernetesStatus } from './kubernetes-sink.js';

/** Writes the catalog into a Kubernetes cluster as Istio's ServiceEntries. See README.md. */
export const kubernetesSink: Plugin<typeof kubernetesSinkSchema, KubernetesSink, SinkDeps> = {
  kind: 'kubernetes',
  stability: 'beta',
  schema: kubernetesSinkSchema,
  create: (config, deps) => new KubernetesSink(config, deps),
};
