import type { Service } from '../../../core/model/index.js';
import { anInstance, aService } from '../../support/model.js';

/** Of what a source has at all. */
const names = 40;

/** The services that change in a generation: some are new or other, some are gone. */
export function generation(number: number): { services: Service[]; removed: string[] } {
  const services: Service[] = [];
  const removed: string[] = [];
  for (let step = 0; step < 12; step++) {
    const name = `s${(number * 7 + step) % names}`;
    if ((number + step) % 5 === 0) removed.push(name);
    else services.push(aService(name, bigInstances(number)));
  }
  return { services, removed };
}

/** What there is after a generation. */
export function stateAfter(number: number): Map<string, Service> {
  const state = new Map<string, Service>();
  for (let past = 1; past <= number; past++) {
    const { services, removed } = generation(past);
    for (const service of services) state.set(service.name, service);
    for (const name of removed) state.delete(name);
  }
  return state;
}

/** Large enough that a write takes a while and a log is soon written anew. */
function bigInstances(number: number) {
  return Array.from({ length: 100 }, (_, index) =>
    anInstance(`i${index}`, { metadata: { generation: String(number), filler: 'x'.repeat(200) } }),
  );
}
