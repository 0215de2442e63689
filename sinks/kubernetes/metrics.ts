import type { Registry } from 'prom-client';
import { sharedCounter, sharedGauge } from '../../core/plugin/index.js';

/** States of objects that are counted. */
export const objectStates = ['desired', 'owned', 'pending', 'held', 'conflict', 'failing'] as const;
export type ObjectState = (typeof objectStates)[number];

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export function kubernetesMetrics(registry: Registry) {
  return {
    objects: sharedGauge(
      registry,
      'isthmus_kubernetes_objects',
      'Objects: desired, owned in the cluster, pending a write, held, in conflict with others, failing.',
      ['sink', 'state'],
    ),
    invalid: sharedGauge(
      registry,
      'isthmus_kubernetes_invalid_services',
      'Services that istiod would refuse as they are now.',
      ['sink'],
    ),
    writes: sharedCounter(registry, 'isthmus_kubernetes_writes_total', 'Writes by verb and result.', [
      'sink',
      'verb',
      'result',
    ]),
    sessions: sharedCounter(
      registry,
      'isthmus_kubernetes_session_failures_total',
      'Sessions with the API that ended with a failure.',
      ['sink', 'failure'],
    ),
    connected: sharedGauge(registry, 'isthmus_kubernetes_connected', '1 while the API is read and written.', ['sink']),
  };
}

export type KubernetesMetrics = ReturnType<typeof kubernetesMetrics>;
