import type { RegistryChange } from './model.js';
import type { MemoryRegistry } from './registry.js';

/** What routes need of the source. */
export interface RegistryBackend {
  /** @throws HttpProblem 503 while the registry is not loaded */
  registry(): MemoryRegistry;
  /** Publishes the changes; resolves when they are on disk. @throws HttpProblem 503 when they are not */
  changed(...changes: readonly RegistryChange[]): Promise<void>;
  /** Resolves when what there is is on disk. @throws HttpProblem 503 when it is not */
  durable(): Promise<void>;
  /** Milliseconds since the epoch. */
  now(): number;
}
