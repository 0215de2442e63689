import type { WhyChain, WhyPublished, WhyReport } from '../../core/operate/why-report.js';
import { printable } from '../context.js';
import { formatAge } from './duration.js';

const labelWidth = 11;
const shownRecords = 10;

/** The chain of each service as a few labelled lines, from the registry down to the clients. */
export function whyText({ chains, total }: WhyReport, nowMs: number): string {
  const texts = chains.map((chain) => chainText(chain, nowMs));
  if (total > chains.length) texts.push(`… ${total - chains.length} more\n`);
  return texts.join('\n');
}

function chainText(chain: WhyChain, nowMs: number): string {
  const { source, service, instance, naming } = chain;
  const lines = [`${source}  ${service}${instance === undefined ? '' : `  ${instance}`}`];
  const add = (label: string, ...texts: readonly string[]) => {
    for (const [index, text] of texts.entries()) {
      lines.push(`  ${(index === 0 ? label : '').padEnd(labelWidth)}${text}`);
    }
  };
  add('registry', ...registryLines(chain, nowMs));
  add('reported', ...reportedLines(chain));
  add('guard', ...guardLines(chain, nowMs));
  add('shape', ...shapeLines(chain));
  add('naming', ...(naming.hosts.length === 0 ? ['no host'] : naming.hosts), ...naming.problems);
  for (const published of chain.published) {
    add('merge', ...mergeLines(published, instance !== undefined));
    const { host, version } = published;
    add('published', version === undefined ? `${host} is not in the catalog` : `${host}, version ${version}`);
    for (const sink of published.sinks) add(`sink ${sink.name}`, ...sinkLines(sink));
  }
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function registryLines({ registry: { status, records, error } }: WhyChain, nowMs: number): readonly string[] {
  const cause = 'cause' in status && status.cause !== undefined ? `: ${status.cause}` : '';
  const state = `${status.state} for ${formatAge(nowMs - status.sinceMs)}${cause}`;
  if (error !== undefined) return [state, `its records cannot be read: ${error}`];
  if (records === undefined) return [state];
  if (records.length === 0) return [state, 'it has no record of it now'];
  const shown = records
    .slice(0, shownRecords)
    .flatMap(({ id, revision, text }) => [
      `${id}${revision === undefined ? '' : `  (revision ${revision})`}`,
      `  ${text}`,
    ]);
  return [
    state,
    ...shown,
    ...(records.length > shownRecords ? [`… ${records.length - shownRecords} more records`] : []),
  ];
}

function reportedLines({ instance, reported }: WhyChain): readonly string[] {
  const rejected = reported.rejected.map(({ record, reason }) => `left out: ${reason} (${record})`);
  if (instance === undefined)
    return [`${reported.known ? `${reported.instances} instances` : 'not any more'}`, ...rejected];
  const own = reported.instance;
  if (own === undefined) return ['not any more', ...rejected];
  const ports = Object.entries(own.ports).map(([name, number]) => `${name}=${number}`);
  const metadata = Object.entries(own.metadata).map(([key, value]) => `${key}=${value}`);
  return [
    `${own.health}, weight ${own.weight}, ${own.address} ${ports.join(' ')}`,
    ...(metadata.length > 0 ? [metadata.join(' ')] : []),
  ];
}

function guardLines({ guard }: WhyChain, nowMs: number): readonly string[] {
  const holds = guard.holds.map(({ guard: name, reason, sinceMs, untilMs }) => {
    const until = untilMs === undefined ? '' : `, ends in ${formatAge(untilMs - nowMs)}`;
    return `held by ${name} for ${formatAge(nowMs - sinceMs)}${until}: ${reason}`;
  });
  return [guard.letThrough ? 'let through' : 'not let through', ...holds];
}

function shapeLines({ shape, guard }: WhyChain): readonly string[] {
  if (!guard.letThrough) return ['-'];
  return [shape.kept ? 'kept' : 'left out', ...shape.reasons];
}

function mergeLines({ merge }: WhyPublished, isOfInstance: boolean): readonly string[] {
  if (merge.length === 0) return ['nobody'];
  return merge.map(({ source, service, active, instances, has }) => {
    const part = active ? `${instances} instances` : `${instances} instances, merged out`;
    return `${source}  ${service}: ${part}${isOfInstance && has ? '; the instance is published from here' : ''}`;
  });
}

/** What a sink makes of a host, a line each. */
export function sinkLines({ resources, refused, leftOut, clients }: WhyPublished['sinks'][number]): readonly string[] {
  return [
    ...(resources.length === 0
      ? ['serves nothing of it']
      : resources.map(({ name, version }) => `${name}, version ${version}`)),
    ...refused.map((reason) => `the newest state is not served: ${reason}`),
    ...leftOut.map((part) => `left out: ${part}`),
    ...(clients.length === 0 ? ['no client is connected'] : []),
    ...clients.map(({ peer, node, state, error }) => {
      const who = node === '' ? peer : `${node} (${peer})`;
      return `client ${who}: ${state}${error === undefined ? '' : `: ${error}`}`;
    }),
  ];
}
