import { z } from 'zod';
import { milliseconds } from '../../core/plugin/index.js';
import { isDnsLabel } from './dns-names.js';
import { isLabelValue } from './labels.js';
import { labelKey, template } from './settings-schema.js';
import { isEgressHost } from './validate-sidecar.js';

const dayMs = 86_400_000;

function ofApplication(isValid: (text: string) => boolean, what: string) {
  return template((name) => name === 'application', '{application}', isValid, what);
}

/** How applications become Sidecar resources. */
export const sidecarFields = z.strictObject({
  namespace: ofApplication(
    isDnsLabel,
    'expected a namespace: a DNS label in lower case, or a template as {application}',
  ).describe("Namespace of the applications' workloads; a template may name {application}."),
  workloadSelector: z
    .record(labelKey(), ofApplication(isLabelValue, 'expected a Kubernetes label value of at most 63 characters'))
    .refine(
      (labels) => Object.keys(labels).length > 0,
      'expected a label: without one it would be for the whole namespace',
    )
    .default({ app: '{application}' })
    .describe("Labels of an application's workloads; the values may be templates. Default { app: '{application}' }."),
  applications: z
    .array(z.string().min(1).max(512))
    .min(1)
    .max(1000)
    .default(['*'])
    .describe(
      'Globs over the applications that are scoped; others see all there is. Default: each that declares something.',
    ),
  hosts: z
    .array(z.string().refine(isEgressHost, 'expected NAMESPACE/HOST, as istio-system/* or */api.example.com'))
    .max(256)
    .default(['./*', 'istio-system/*'])
    .describe("What each application sees beside, as NAMESPACE/HOST. Default ['./*', 'istio-system/*']."),
  trimAfterMs: milliseconds(0, 30 * dayMs)
    .default(dayMs)
    .describe('Milliseconds that a dependency goes on counting after it is declared no more. Default 86400000, a day.'),
  settleMs: milliseconds(0)
    .default(600_000)
    .describe(
      'Milliseconds from the first declaration of a new application to its Sidecar: others come meanwhile, those that Nacos knows within its subscribersIntervalMs. Default 600000.',
    ),
});
