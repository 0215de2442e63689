import type { WhyPublished, WhyReport } from '../../core/operate/why-report.js';
import { printable } from '../context.js';
import { formatPorts } from './view.js';
import { sinkLines } from './why-text.js';

/** A host as the sinks have it. */
export type Explanation = Pick<WhyPublished, 'host' | 'version' | 'ports' | 'sinks'>;

/** Each host once, however many services have a part in it. */
export function explanationsOf({ chains }: WhyReport): readonly Explanation[] {
  const byHost = new Map<string, Explanation>();
  for (const { published } of chains) {
    for (const { host, version, ports, sinks } of published) {
      byHost.set(host, { host, ...(version === undefined ? {} : { version }), ports, sinks });
    }
  }
  return [...byHost.values()];
}

export function explainText(items: readonly Explanation[]): string {
  return items.map(textOf).join('\n');
}

function textOf({ host, version, ports, sinks }: Explanation): string {
  const lines = [host];
  lines.push(
    `  ${version === undefined ? 'not in the catalog' : `version ${version}, ports ${formatPorts(ports) || 'none'}`}`,
  );
  if (sinks.length === 0) lines.push('  no sink has anything of it');
  for (const sink of sinks) {
    lines.push(`  sink ${sink.name} (${sink.kind})`);
    lines.push(...sinkLines(sink).map((line) => `    ${line}`));
  }
  return lines.map((line) => `${printable(line)}\n`).join('');
}
