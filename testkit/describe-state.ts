import type { Instance, Service } from '../core/model/index.js';
import type { RecordedEvent } from './recorded-event.js';

const maxLines = 20;

/** The part of a recorder that is worth telling. */
interface RecordedState {
  readonly synced: boolean;
  readonly services: ReadonlyMap<string, Service>;
  readonly degradedScopes: ReadonlyMap<string, Error>;
  readonly events: readonly RecordedEvent[];
}

/** What a recorder holds, in a few lines that fit into an error message. */
export function describeState(recorder: RecordedState): string {
  const lines = [`synced: ${recorder.synced}`];
  for (const [scope, reason] of recorder.degradedScopes) {
    lines.push(`degraded${scope === '' ? '' : ` (${scope})`}: ${reason.message}`);
  }
  lines.push(`published (${recorder.services.size} services):`);
  lines.push(...shortened([...recorder.services.values()].map((service) => `  ${describeService(service)}`)));
  lines.push('last events:');
  const last = recorder.events.slice(-10);
  lines.push(...(last.length === 0 ? ['  (none)'] : last.map((event) => `  ${describeEvent(event)}`)));
  return lines.join('\n');
}

function describeService(service: Service): string {
  const instances = service.instances.slice(0, 10).map(describeInstance);
  if (service.instances.length > 10) instances.push(`… ${service.instances.length - 10} more`);
  const rejected = service.rejected?.length ? `, ${service.rejected.length} rejected` : '';
  return `${service.name}: [${instances.join(', ')}]${rejected}`;
}

function describeInstance(instance: Instance): string {
  const ports = Object.values(instance.ports).join('/');
  return `${instance.address}:${ports} ${instance.health} weight ${instance.weight}`;
}

function describeEvent(event: RecordedEvent): string {
  switch (event.kind) {
    case 'replaceAll':
      return `replaceAll of ${event.services.size} services`;
    case 'upsert':
      return `upsert ${event.service.name} with ${event.service.instances.length} instances`;
    case 'remove':
      return `remove ${event.name}`;
    case 'degraded':
      return `degraded ${event.scope}: ${event.reason.message}`;
    case 'recovered':
      return `recovered ${event.scope}`;
    case 'notice':
      return event.text === undefined ? `notice ${event.key} is over` : `notice ${event.key}: ${event.text}`;
    case 'consumers':
      return `${event.consumers.length} consumers of ${event.service}`;
    case 'audited':
      return `audited ${event.report.compared} services, ${event.report.differences} differences`;
    case 'failed':
      return `run rejected: ${event.reason.message}`;
  }
}

function shortened(lines: string[]): string[] {
  return lines.length <= maxLines ? lines : [...lines.slice(0, maxLines), `  … ${lines.length - maxLines} more`];
}
