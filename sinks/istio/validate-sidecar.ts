import type { Sidecar } from '../../proto/gen/sidecar.js';
import { isDnsLabel, isDnsName } from './dns-names.js';
import { isLabelKey, isLabelValue } from './labels.js';

/**
 * Why istiod would not take this Sidecar; empty when it would. Stricter where istiod takes what then matches nobody or
 * everybody: a selector without labels is one for the whole namespace.
 * Source: `ValidateSidecar` in istio/istio, pkg/config/validation/validation.go.
 */
export function validateSidecar({ workloadSelector, egress }: Sidecar): string[] {
  return [...selectorProblems(workloadSelector?.labels ?? {}), ...egressProblems(egress)];
}

function selectorProblems(labels: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(labels);
  if (entries.length === 0) return ['workloadSelector has no labels, so it would be for the whole namespace'];
  return entries.flatMap(([key, value]) => [
    ...(isLabelKey(key) ? [] : [`workloadSelector: ${quote(key)} is no label key`]),
    ...(value !== '' && isLabelValue(value)
      ? []
      : [`workloadSelector: ${quote(value)} of ${quote(key)} is no label value`]),
  ]);
}

function egressProblems(egress: Sidecar['egress']): string[] {
  if (egress.length === 0) return ['there is no egress'];
  // Those of this kind have no port, and only the last listener may have none.
  if (egress.length > 1) return ['there is more than one egress listener without a port'];
  const hosts = egress.flatMap((listener) => listener.hosts);
  if (hosts.length === 0) return ['egress has no hosts'];
  const twice = hosts.find((host, index) => hosts.indexOf(host) < index);
  const problems = twice === undefined ? [] : [`egress has ${quote(twice)} twice`];
  for (const host of hosts) if (!isEgressHost(host)) problems.push(`egress: ${quote(host)} is no namespace/host`);
  return problems;
}

/** `namespace/host`: the namespace a DNS label, `*` or `.`, after `~` to leave it out; the host a DNS name, `*`, or a name below `*.`. */
export function isEgressHost(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const namespace = text.slice(0, slash).replace(/^~/, '');
  const host = text.slice(slash + 1);
  const isNamespace = namespace === '*' || namespace === '.' || isDnsLabel(namespace) || text.startsWith('~/');
  return isNamespace && (host === '*' || isDnsName(host.replace(/^\*\./, '')));
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
