import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** A registry of its own, never the library's global one. */
export function createRegistry(): Registry {
  return new Registry();
}

/**
 * Adds what the process says of itself: CPU, memory, open files, garbage collection and the delay of the event loop
 * (`nodejs_eventloop_lag_*_seconds`). Once a process: the library gives no way to take its observers down again.
 */
export function addProcessMetrics(registry: Registry, version: string): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'isthmus_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
}
