import type { Instance, Service } from '../../core/model/index.js';
import type { Source, SourceOutput } from '../../core/source/source.js';
import { systemClock } from '../../core/time/index.js';
import type { SampleInstance } from '../../testkit/index.js';
import type { MemoryRegistry } from './memory-registry.js';

const retryMs = 20;

/** A correct source on a MemoryRegistry. Tests derive broken ones from it, each wrong in one step. */
export class MemorySource implements Source {
  protected readonly registry: MemoryRegistry;

  constructor(registry: MemoryRegistry) {
    this.registry = registry;
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.session(out, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.failed(out, error as Error);
        await systemClock.sleep(retryMs, signal).catch(() => undefined);
      }
    }
  }

  /** Lists, publishes and follows until the connection is lost. */
  protected async session(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const changed = new Set<string>();
    let lost = false;
    let wake = () => {};
    const disconnect = this.registry.connect({
      changed: (service) => {
        changed.add(service);
        wake();
      },
      lost: () => {
        lost = true;
        wake();
      },
    });
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      const services = await this.list();
      if (signal.aborted) return;
      this.listed(out, services);
      while (!signal.aborted) {
        if (changed.size === 0 && !lost) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (signal.aborted) return;
        if (lost) throw new Error('connection lost');
        for (const name of changed) {
          changed.delete(name);
          const service = await this.read(name);
          if (!signal.aborted) this.changed(out, service);
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      disconnect();
    }
  }

  protected async list(): Promise<Service[]> {
    const services: Service[] = [];
    for (const name of await this.registry.names()) services.push(await this.read(name));
    return services;
  }

  protected async read(name: string): Promise<Service> {
    const instances = await this.registry.instances(name);
    return this.convert(name, instances);
  }

  protected convert(name: string, samples: readonly SampleInstance[]): Service {
    return {
      name,
      attributes: { name },
      ports: [{ name: 'http', number: 80, protocol: 'http' }],
      instances: samples.map((sample) => this.instance(sample)),
      metadata: {},
    };
  }

  protected instance(sample: SampleInstance): Instance {
    return {
      id: `${sample.address}:${sample.port}`,
      address: sample.address,
      ports: { http: sample.port },
      health: sample.healthy ? 'healthy' : 'unhealthy',
      weight: sample.weight,
      metadata: sample.metadata,
    };
  }

  protected listed(out: SourceOutput, services: Service[]): void {
    out.replaceAll(services);
  }

  protected changed(out: SourceOutput, service: Service): void {
    out.upsert(service);
  }

  protected failed(out: SourceOutput, error: Error): void {
    out.degraded(error);
  }
}
