import { z } from 'zod';
import { hostPort, milliseconds } from '../../core/plugin/index.js';
import { isDnsLabel } from '../istio/dns-names.js';
import { isLabelKey } from '../istio/labels.js';
import { exportToProblems } from '../istio/validate.js';

const namespace = z.string().refine(isDnsLabel, 'expected a namespace: a DNS label in lower case');
const labelKey = z.string().refine(isLabelKey, 'expected a Kubernetes label key, as version or app.kubernetes.io/name');

/** Keys of a sink of kind `mcp`. */
export const mcpSchema = z.strictObject({
  listen: hostPort(0)
    .prefault('127.0.0.1:15010')
    .describe('HOST:PORT istiod connects to (plaintext). Default 127.0.0.1:15010. Port 0: the system chooses one.'),
  shards: z.literal(1).default(1).describe('Config sources the services are spread over. Only 1.'),
  namespace: namespace.default('legacy').describe('Namespace of every resource. Default legacy.'),
  location: z
    .enum(['internal', 'external'])
    .default('internal')
    .describe(
      'internal: services of the mesh, MESH_INTERNAL; endpoints without a sidecar still get plaintext. external: MESH_EXTERNAL. Default internal.',
    ),
  labels: z
    .array(labelKey)
    .max(32)
    .default(['app', 'dubbo.tag', 'tag', 'version'])
    .describe('Instance metadata that becomes endpoint labels, for subsets. Default [app, dubbo.tag, tag, version].'),
  exportTo: z
    .array(z.string())
    .max(64)
    .superRefine((list, context) => {
      for (const message of exportToProblems(list)) context.addIssue({ code: 'custom', message });
    })
    .default([])
    .describe("Namespaces that see the hosts; '.' the resource's own, '*' all. Default: as the mesh has it."),
  ackTimeoutMs: milliseconds(1000)
    .default(60_000)
    .describe('Milliseconds a response may stay unanswered before its stream is ended. Default 60000.'),
  maxClients: z.int().min(1).max(10_000).default(100).describe('Streams served at a time. Default 100.'),
  keepaliveMs: milliseconds(1000)
    .default(30_000)
    .describe('Milliseconds of silence after which a peer is asked whether it lives. Default 30000.'),
});

export type McpConfig = z.output<typeof mcpSchema>;
