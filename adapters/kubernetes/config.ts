import { z } from 'zod';
import { accessFields, checkAccess } from '../../clients/kubernetes/index.js';
import { milliseconds, type Protocol, protocols } from '../../core/plugin/index.js';

const patterns = () => z.array(z.string().min(1).max(512)).max(1000);
const namespaceName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'expected the name of a namespace: a DNS label in lower case');
const labelSelector = () => z.string().min(1).max(4096);

/** Keys of a source of kind `kubernetes`. */
export const kubernetesSchema = z
  .strictObject({
    ...accessFields,
    namespaces: z
      .array(namespaceName)
      .max(100)
      .refine((names) => new Set(names).size === names.length, 'a namespace is named twice')
      .default([])
      .describe('Namespaces to read, each with its own rights and failures. Default: all, with rights in the cluster.'),
    namespaceSelector: labelSelector()
      .optional()
      .describe('Label selector over namespaces, as team=orders; needs the right to list namespaces. Default: each.'),
    labelSelector: labelSelector()
      .optional()
      .describe('Label selector over Services, as app.kubernetes.io/part-of=shop. Default: each.'),
    include: patterns()
      .default(['*'])
      .describe('Services to read, as NAMESPACE/NAME; * stands for any characters. Default all.'),
    exclude: patterns()
      .default(['default/kubernetes', 'kube-system/*'])
      .describe('Services to leave out, as NAMESPACE/NAME. Default [default/kubernetes, kube-system/*].'),
    export: z
      .enum(['all', 'annotated'])
      .default('all')
      .describe('all: each but those annotated isthmus.io/export=false; annotated: those with =true. Default all.'),
    protocol: z
      .enum(protocols)
      .default('tcp' satisfies Protocol)
      .describe('Protocol of a port whose appProtocol and name do not say. Default tcp.'),
    ipFamily: z
      .enum(['primary', 'IPv4', 'IPv6'])
      .default('primary')
      .describe("Addresses of services that have both families: the service's first, or one. Default primary."),
    region: z
      .string()
      .max(128)
      .regex(/^[^/]*$/, 'expected a region without a slash')
      .default('')
      .describe('Region of all instances; the zone comes from the EndpointSlices. Default: none.'),
    watchMs: milliseconds(1000, 3_600_000)
      .default(60_000)
      .describe('How long a watch is open before it is opened anew, in ms. Default 60000.'),
    pageSize: z.int().min(1).max(10_000).default(500).describe('Objects in a page of a list. Default 500.'),
    auditMs: milliseconds(1000)
      .default(600_000)
      .describe('Time between two audits, which list everything again, in ms, with a tenth of jitter. Default 600000.'),
  })
  .superRefine(checkAccess);

export type KubernetesConfig = z.output<typeof kubernetesSchema>;
