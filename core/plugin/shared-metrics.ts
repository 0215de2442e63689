import { Counter, Gauge, type Registry } from 'prom-client';

/** All parts of a kind share one metric, each with its own labels: the counter that another has registered, or a new one. */
export function sharedCounter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
): Counter<Label> {
  const known = registry.getSingleMetric(name);
  return known instanceof Counter ? known : new Counter({ name, help, labelNames, registers: [registry] });
}

/** The same of a gauge. */
export function sharedGauge<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
): Gauge<Label> {
  const known = registry.getSingleMetric(name);
  return known instanceof Gauge ? known : new Gauge({ name, help, labelNames, registers: [registry] });
}

const partsOf = new WeakMap<Gauge, Map<string, (gauge: Gauge) => void>>();

/**
 * The same of a gauge whose values are read when somebody asks for them: a change costs nothing.
 * @param part whose values these are: `read` takes the place of the one that it gave before
 */
export function sharedReading<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
  part: string,
  read: (set: (labels: Readonly<Record<Label, string>>, value: number) => void) => void,
): void {
  const tell = (gauge: Gauge) => read((labels, value) => gauge.set(labels, value));
  const known = registry.getSingleMetric(name);
  const parts = known instanceof Gauge ? partsOf.get(known) : undefined;
  if (parts) {
    parts.set(part, tell);
    return;
  }
  const all = new Map([[part, tell]]);
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const each of all.values()) each(this);
    },
  });
  partsOf.set(gauge, all);
}
