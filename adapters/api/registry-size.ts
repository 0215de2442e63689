import type { RegisteredInstance, RegisteredService } from './model.js';

/** What a service is without its instances. */
export type ServiceHead = Omit<RegisteredService, 'instances'>;

/** An instance as it was and as it is now; undefined: there was none, or there is none any more. */
export type InstanceChange = readonly [RegisteredInstance | undefined, RegisteredInstance | undefined];

export interface SizeOptions {
  /** Bytes of a service in the file, beside its instances. */
  readonly headBytes: (head: ServiceHead) => number;
  /** Bytes of an instance in the file. Asked for often, so it remembers. */
  readonly instanceBytes: (instance: RegisteredInstance) => number;
}

/** How much the registry holds. The cost of a change is that of what changed, however large its service is. */
export class RegistrySize {
  readonly #options: SizeOptions;
  readonly #services = new Map<string, { readonly instances: number; readonly head: number; readonly bytes: number }>();
  #instances = 0;
  #bytes = 0;

  constructor(options: SizeOptions) {
    this.#options = options;
  }

  /** Instances of all services. */
  get instances(): number {
    return this.#instances;
  }

  /** Bytes of all services in the file. */
  get bytes(): number {
    return this.#bytes;
  }

  /** By how much a change makes the registry larger, or smaller. */
  growth(head: ServiceHead, changes: Iterable<InstanceChange>): { readonly instances: number; readonly bytes: number } {
    let instances = 0;
    let bytes = this.#options.headBytes(head) - (this.#services.get(head.name)?.head ?? 0);
    for (const [before, after] of changes) {
      if (before) {
        instances--;
        bytes -= this.#options.instanceBytes(before);
      }
      if (after) {
        instances++;
        bytes += this.#options.instanceBytes(after);
      }
    }
    return { instances, bytes };
  }

  change(head: ServiceHead, changes: Iterable<InstanceChange>): void {
    const { instances, bytes } = this.growth(head, changes);
    const known = this.#services.get(head.name) ?? { instances: 0, bytes: 0 };
    this.#services.set(head.name, {
      instances: known.instances + instances,
      head: this.#options.headBytes(head),
      bytes: known.bytes + bytes,
    });
    this.#instances += instances;
    this.#bytes += bytes;
  }

  delete(name: string): void {
    const known = this.#services.get(name);
    if (!known) return;
    this.#services.delete(name);
    this.#instances -= known.instances;
    this.#bytes -= known.bytes;
  }
}
