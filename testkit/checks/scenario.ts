import { type Instance, isServing, type Service } from '../../core/model/index.js';
import { capabilitiesOf, type SampleInstance, type SourceHarness } from '../harness.js';
import { SourceRun } from '../source-run.js';

let scenarios = 0;
const processMark = Math.random().toString(36).slice(2, 6).padEnd(4, '0');

/** A play on one registry: writes services with names of its own, knows what must be published, cleans up after itself. */
export class Scenario {
  readonly #harness: SourceHarness;
  readonly #prefix: string;
  readonly #network: number;
  readonly #expected = new Map<string, Map<string, SampleInstance>>();
  readonly #runs = new Set<SourceRun>();
  #stopped = false;

  constructor(harness: SourceHarness) {
    scenarios++;
    this.#harness = harness;
    this.#prefix = `isthmus-${processMark}-${scenarios}`;
    this.#network = scenarios % 250;
  }

  get deadlineMs(): number {
    return this.#harness.deadlineMs ?? 20_000;
  }

  get outageMs(): number {
    return this.#harness.outageMs ?? 1500;
  }

  /** What the writer calls the service. */
  service(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** `Service.name` of it. */
  published(name: string): string {
    const service = this.service(name);
    return this.#harness.serviceName?.(service) ?? service;
  }

  /** An ordinary instance; number `index` of a service has always the same address and port. */
  sample(index: number, change: Partial<SampleInstance> = {}): SampleInstance {
    return {
      id: `i${index}`,
      address: `10.${this.#network}.${Math.floor(index / 200)}.${(index % 200) + 1}`,
      port: 8000 + index,
      weight: 100,
      metadata: { version: 'v1', zone: 'z1' },
      healthy: true,
      ...change,
    };
  }

  async put(name: string, instance: SampleInstance): Promise<void> {
    await this.#harness.registry.put(this.service(name), instance);
    const instances = this.#expected.get(name) ?? new Map<string, SampleInstance>();
    this.#expected.set(name, instances.set(instance.id, instance));
  }

  async remove(name: string, instance: SampleInstance): Promise<void> {
    // Before the registry answers: a source may well be quicker than the answer to the writer.
    this.#expected.get(name)?.delete(instance.id);
    await this.#harness.registry.remove(this.service(name), instance.id);
  }

  /** Services × instances, as the harness asks for; no two instances are equal in port. */
  async populate(): Promise<void> {
    const { services, instances } = this.#harness.size ?? { services: 5, instances: 3 };
    for (let service = 0; service < services; service++) {
      for (let i = 0; i < instances; i++) {
        await this.put(`svc${service}`, this.sample(service * instances + i, { weight: 100 + 50 * i }));
      }
    }
  }

  /** @param restored services that were published before a restart */
  async createRun(restored: Iterable<Service> = []): Promise<SourceRun> {
    const run = new SourceRun(await this.#harness.createSource(), restored);
    this.#runs.add(run);
    return run;
  }

  /** Starts a source and waits until it published what is expected. */
  async startSynced(): Promise<SourceRun> {
    const run = await this.createRun();
    await this.converged(run, 'the first listing');
    return run;
  }

  /** Waits until what is published is what the registry holds, and the source says that it is. */
  async converged(run: SourceRun, what: string): Promise<void> {
    const { recorder } = run;
    try {
      await recorder.waitFor(
        () => recorder.synced && recorder.degradedScopes.size === 0 && this.differences(recorder.services).length === 0,
        { what, deadlineMs: this.deadlineMs },
      );
    } catch (error) {
      const differences = this.differences(recorder.services).slice(0, 10);
      if (differences.length === 0) throw error;
      throw new Error(`${differences.join('\n')}\n${(error as Error).message}`, { cause: error });
    }
  }

  /** Cuts the registry off. */
  async outage(): Promise<void> {
    this.#stopped = true;
    await this.#harness.registry.stop?.();
  }

  async restore(): Promise<void> {
    await this.#harness.registry.start?.();
    this.#stopped = false;
  }

  /** The next listing breaks in its middle. */
  async armMidListing(): Promise<void> {
    this.#stopped = true;
    await this.#harness.registry.stopMidListing?.();
  }

  /** Where `services` is not what the registry holds of this scenario, in words. Services of others are let be. */
  differences(services: ReadonlyMap<string, Service>): string[] {
    const differences: string[] = [];
    for (const [name, expected] of this.#expected) {
      const published = this.published(name);
      const service = services.get(published);
      for (const sample of expected.values()) {
        const difference = this.#difference(find(service, sample), sample);
        if (difference !== undefined) differences.push(`service ${published}: ${label(sample)} ${difference}`);
      }
      for (const instance of service?.instances ?? []) {
        if (![...expected.values()].some((sample) => isOf(instance, sample))) {
          differences.push(`service ${published}: ${instance.address} is published and not in the registry`);
        }
      }
    }
    return differences;
  }

  /** Instances of the registry that `services` lacks, whatever their weight or health. */
  losses(services: ReadonlyMap<string, Service>): string[] {
    const losses: string[] = [];
    for (const [name, expected] of this.#expected) {
      const service = services.get(this.published(name));
      for (const sample of expected.values()) {
        if (!find(service, sample)) losses.push(`service ${this.published(name)}: ${label(sample)} is lost`);
      }
    }
    return losses;
  }

  /** The published instance that `sample` became. */
  instance(run: SourceRun, name: string, sample: SampleInstance): Instance {
    const found = find(run.recorder.services.get(this.published(name)), sample);
    if (!found) throw new Error(`service ${this.published(name)}: ${label(sample)} is not published`);
    return found;
  }

  /** Ends every run, brings the registry back and empties it of what was written. */
  async close(): Promise<void> {
    for (const run of this.#runs) await run.stop().catch(() => undefined);
    if (this.#stopped) await this.restore();
    for (const [name, instances] of this.#expected) {
      for (const id of instances.keys()) await this.#harness.registry.remove(this.service(name), id);
    }
  }

  #difference(instance: Instance | undefined, sample: SampleInstance): string | undefined {
    if (!instance) return 'is in the registry and not published';
    const { weights, metadata, health } = capabilitiesOf(this.#harness);
    if (weights && instance.weight !== sample.weight) return `has weight ${instance.weight}, not ${sample.weight}`;
    const serves = isServing({ ...instance, weight: 1 });
    if (health && serves !== sample.healthy) return `is ${instance.health}; in the registry: healthy ${sample.healthy}`;
    if (!metadata) return undefined;
    for (const [key, value] of Object.entries(sample.metadata)) {
      const actual = instance.metadata[key];
      if (actual !== value) return `has metadata ${key}=${actual ?? '(none)'}, not ${value}`;
    }
    return undefined;
  }
}

/** Runs `play` on a scenario of its own and cleans up, also after a failure. */
export async function withScenario(harness: SourceHarness, play: (scenario: Scenario) => Promise<void>): Promise<void> {
  const scenario = new Scenario(harness);
  try {
    await play(scenario);
  } finally {
    await scenario.close();
  }
}

function find(service: Service | undefined, sample: SampleInstance): Instance | undefined {
  return service?.instances.find((instance) => isOf(instance, sample));
}

function isOf(instance: Instance, sample: SampleInstance): boolean {
  return instance.address === sample.address && Object.values(instance.ports).includes(sample.port);
}

function label(sample: SampleInstance): string {
  return `${sample.address}:${sample.port}`;
}
