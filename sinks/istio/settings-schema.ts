import { z } from 'zod';
import { milliseconds } from '../../core/plugin/index.js';
import { isDnsLabel } from './dns-names.js';
import { exportToProblems } from './export-to.js';
import { isLabelKey, isLabelValue } from './labels.js';
import { isServiceAttribute, isSubjectAltName } from './settings.js';
import { TextTemplate } from './text-template.js';

const dayMs = 86_400_000;

/** A template over attributes that `isKnown`; one that names none has to be `isValid` as it is. */
export function template(
  isKnown: (attribute: string) => boolean,
  known: string,
  isValid: (text: string) => boolean,
  what: string,
) {
  return z
    .string()
    .min(1)
    .max(2048)
    .superRefine((text, context) => {
      const refuse = (message: string) => context.addIssue({ code: 'custom', message });
      let attributes: readonly string[];
      try {
        ({ attributes } = new TextTemplate(text));
      } catch (error) {
        refuse(error instanceof Error ? error.message : String(error));
        return;
      }
      const unknown = attributes.find((name) => !isKnown(name));
      if (unknown !== undefined) refuse(`there is no {${unknown}}; a template may name ${known}`);
      else if (attributes.length === 0 && !isValid(text)) refuse(what);
    });
}

function ofService(isValid: (text: string) => boolean, what: string) {
  return template(isServiceAttribute, '{host}, {source}, {service}, {attributes.KEY}, {metadata.KEY}', isValid, what);
}

const namespaceText = 'expected a namespace: a DNS label in lower case, or a template as {source}';
const namespace = () => ofService(isDnsLabel, namespaceText);
export const labelKey = () =>
  z.string().refine(isLabelKey, 'expected a Kubernetes label key, as version or app.kubernetes.io/name');
const labelKeys = () =>
  z
    .array(
      z
        .string()
        .min(1)
        .max(320)
        .refine(
          (key) => key.includes('*') || isLabelKey(key),
          'expected a Kubernetes label key, as version, or a pattern with *',
        ),
    )
    .max(32);
const addLabels = () =>
  z.record(labelKey(), ofService(isLabelValue, 'expected a Kubernetes label value of at most 63 characters'));
const exportTo = () =>
  z
    .array(ofService((text) => exportToProblems([text]).length === 0, "expected a namespace, or one of '.' '*' '~'"))
    .max(64)
    .superRefine((list, context) => {
      const constant = list.filter((text) => !text.includes('{'));
      for (const message of exportToProblems(constant)) context.addIssue({ code: 'custom', message });
    });
const subjectAltNames = () =>
  z
    .array(ofService(isSubjectAltName, 'expected a name as spiffe://cluster.local/ns/shop/sa/orders, without spaces'))
    .max(64);
const location = () => z.enum(['internal', 'external']);
const glob = () => z.string().min(1).max(512);

const rule = z.strictObject({
  match: z
    .strictObject({
      source: glob().optional().describe('Glob over the sources that have a part in the service. Default: each.'),
      service: glob().optional().describe("Glob over the service's name in the registry. Default: each."),
      host: glob().optional().describe('Glob over the host. Default: each.'),
      labels: z
        .record(z.string().min(1).max(256), z.string().max(4096))
        .optional()
        .describe("Globs over the service's metadata, by key; each has to match."),
    })
    .describe('Which services the rule is about: those that match everything given.'),
  namespace: namespace().optional().describe('Namespace of their resources; may be a template.'),
  location: location().optional().describe('In place of that of the sink.'),
  labels: labelKeys().optional().describe('In place of the labels of the sink.'),
  addLabels: addLabels().optional().describe('In place of those of the sink.'),
  serviceLabels: labelKeys().optional().describe('In place of those of the sink.'),
  exportTo: exportTo().optional().describe('In place of that of the sink.'),
  subjectAltNames: subjectAltNames().optional().describe('In place of those of the sink.'),
});

/** Keys of every sink that makes Istio resources of services: those of `IstioOptions`, and how long empty services stay. */
export const serviceFields = {
  namespace: namespace()
    .default('legacy')
    .describe(
      'Namespace of every resource; a template may name {source}, {service}, {host}, {attributes.KEY}, {metadata.KEY}. Default legacy.',
    ),
  location: location()
    .default('internal')
    .describe(
      'internal: services of the mesh, MESH_INTERNAL; endpoints without a sidecar still get plaintext. external: MESH_EXTERNAL. Default internal.',
    ),
  labels: labelKeys()
    .default(['app', 'dubbo.tag', 'tag', 'version'])
    .describe(
      'Keys, or patterns with *, of instance metadata that becomes endpoint labels, for subsets. Default [app, dubbo.tag, tag, version].',
    ),
  addLabels: addLabels()
    .default({})
    .describe('Labels of every endpoint, by key; the values may be templates, as {source}. Default: none.'),
  serviceLabels: labelKeys()
    .default([])
    .describe('Keys, or patterns with *, of service metadata that becomes labels of the resources. Default: none.'),
  exportTo: exportTo()
    .default([])
    .describe("Namespaces that see the hosts; '.' the resource's own, '*' all. Default: as the mesh has it."),
  subjectAltNames: subjectAltNames()
    .default([])
    .describe("Names that the endpoints' certificates may have; may be templates. Default: none."),
  rules: z
    .array(rule)
    .max(1000)
    .default([])
    .describe('What is otherwise for some services; the first rule that matches a service counts. Default: none.'),
  emptyServices: z
    .strictObject({
      keepMs: milliseconds(0, 30 * dayMs)
        .default(600_000)
        .describe(
          'Milliseconds that a service without instances stays, with no endpoints, before it is removed. 0: not at all. Default 600000.',
        ),
    })
    .prefault({})
    .describe('Services that nobody serves any more.'),
} as const;
