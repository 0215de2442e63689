import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Isthmus, startIsthmus } from '../../e2e/support/isthmus.js';
import { http } from '../../support/http.js';
import { maxHoldMs } from '../plan/fault.js';
import type { Registry } from '../registries/registry.js';
import { Samples } from './samples.js';

const sampleIntervalMs = 2000;
const wallClock = new URL('wall-clock.mjs', import.meta.url).href;

/** The daemon under test: a process of its own that reads registries through their links. */
export class Subject {
  readonly isthmus: Isthmus;
  readonly samples = new Samples();

  private constructor(isthmus: Isthmus) {
    this.isthmus = isthmus;
  }

  /** @param isBuilt runs `dist` instead of the sources */
  static async start(registries: readonly Registry[], isBuilt: boolean): Promise<Subject> {
    const sources = registries.map((registry) => ({ name: registry.kind, staleAfterMs: 60_000, ...registry.source() }));
    const guards = { massLoss: { maxHoldMs }, empty: { maxHoldMs } };
    return new Subject(await startIsthmus({ sources, guards, preload: wallClock, isBuilt }));
  }

  /** `host:port` of the MCP sink. */
  get mcpAddress(): string {
    return new URL(this.isthmus.configSource).host;
  }

  /** Sets the daemon's wall clock wrong by so much. */
  setClock(shiftMs: number): void {
    const { dataDir, pid } = this.isthmus;
    writeFileSync(join(dirname(dataDir), 'clock'), `${shiftMs}`);
    if (pid !== undefined) process.kill(pid, 'SIGUSR2');
  }

  /** How many instances the guards hold back now. */
  async held(): Promise<number> {
    const { body } = await http(`${this.isthmus.url}/metrics`, { timeoutMs: 2000 });
    const values = [...body.matchAll(/^isthmus_guard_held_instances\{.*\} (\d+)$/gm)].map(([, value]) => Number(value));
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** What the daemon says of an instance, from the registry's record to what is published. @param target its `IP:PORT` */
  async why(target: string): Promise<string> {
    return (await http(`${this.isthmus.url}/api/v1/why?target=${encodeURIComponent(target)}`)).body;
  }

  /** Samples the daemon's metrics until `signal` aborts. */
  async sample(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.samples.take(this.isthmus.url);
      await delay(sampleIntervalMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
