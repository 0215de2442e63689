import { z } from 'zod';
import { accessFields, checkAccess } from '../../clients/kubernetes/index.js';
import { policyNames } from '../../core/plan/plan.js';
import { milliseconds } from '../../core/plugin/index.js';
import { serviceFields } from '../istio/settings-schema.js';

/** Keys of a sink of kind `kubernetes`. */
export const kubernetesSinkSchema = z
  .strictObject({
    ...accessFields,
    ...serviceFields,
    policy: z
      .enum(policyNames)
      .default('sync')
      .describe(
        'sync: objects are made, changed and deleted; upsert-only: none is deleted; dry-run: none is touched. Default sync.',
      ),
    endpoints: z
      .enum(['inline', 'workload-entries'])
      .default('inline')
      .describe(
        'inline: in the ServiceEntry, at most 4096; workload-entries: each a WorkloadEntry that the ServiceEntry selects. Default inline.',
      ),
    apiVersion: z
      .enum(['v1', 'v1beta1'])
      .default('v1')
      .describe('Version of networking.istio.io; v1beta1 for Istio before 1.22. Default v1.'),
    scope: z
      .enum(['cluster', 'namespace'])
      .default('cluster')
      .describe(
        'Where objects are watched: cluster, in all namespaces; namespace, in that of the sink alone, for which a Role is enough. Default cluster.',
      ),
    writesPerSecond: z.int().min(1).max(1000).default(20).describe('Writes a second at most. Default 20.'),
    parallel: z.int().min(1).max(64).default(4).describe('Writes under way at once. Default 4.'),
    watchMs: milliseconds(1000, 3_600_000)
      .default(60_000)
      .describe('How long a watch is open before it is opened anew, in ms. Default 60000.'),
    pageSize: z.int().min(1).max(10_000).default(500).describe('Objects in a page of a list. Default 500.'),
  })
  .superRefine(checkAccess)
  .superRefine(({ scope, namespace, rules }, context) => {
    if (scope === 'cluster') return;
    const message = 'with scope: namespace all objects have one namespace';
    if (namespace.includes('{')) context.addIssue({ code: 'custom', path: ['namespace'], message });
    for (const [index, rule] of rules.entries()) {
      if (rule.namespace === undefined || rule.namespace === namespace) continue;
      context.addIssue({ code: 'custom', path: ['rules', index, 'namespace'], message });
    }
  });

export type KubernetesSinkConfig = z.output<typeof kubernetesSinkSchema>;
