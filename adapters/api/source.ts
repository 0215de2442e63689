import { setTimeout as delay } from 'node:timers/promises';
import {
  backoffMs,
  type Deps,
  deferred,
  HttpProblem,
  type Source,
  type SourceOutput,
  type SourceRecord,
} from '../../core/plugin/index.js';
import type { RegistryBackend } from './backend.js';
import type { ApiConfig } from './config.js';
import { ServiceConverter } from './convert.js';
import { eurekaRoutes } from './eureka/routes.js';
import { EurekaView } from './eureka/view.js';
import { ServiceEncoder } from './file-format.js';
import { GroupCommit } from './group-commit.js';
import type { RegistryChange } from './model.js';
import { toRecord } from './record.js';
import { MemoryRegistry, maxTickMs } from './registry.js';
import { RegistryFile } from './registry-file.js';
import { RequestParser } from './requests.js';
import { registryRoutes } from './routes.js';

export type ApiDeps = Pick<Deps, 'name' | 'logger' | 'clock' | 'dataDir' | 'http'>;

const tickMs = 500;
/** A tick that is late by more than that is one before which heartbeats could not be taken. */
const toleratedMs = maxTickMs - tickMs;
/** Late by more than that is worth a word. */
const pauseMs = 5000;
/** How long the end of a run waits for a write under way. */
const lastWriteMs = 700;
const fileScope = 'file';
const maxRecords = 1000;
const writeRetry = { baseMs: 500, maxMs: 30_000 };

/** Waits for `work`, but no longer than for the abort; the work itself cannot be ended. @throws what the work throws */
async function until(signal: AbortSignal, work: Promise<void>): Promise<void> {
  const aborted = deferred<void>();
  const end = () => aborted.resolve();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** A registry of Isthmus itself: filled over REST, kept in one file, published as any other source. */
export class ApiSource implements Source {
  readonly #deps: ApiDeps;
  readonly #registry: MemoryRegistry;
  readonly #encoder = new ServiceEncoder();
  readonly #converter = new ServiceConverter();
  readonly #file: RegistryFile;
  readonly #commits: GroupCommit;
  readonly #eureka: EurekaView | undefined;
  readonly #maxHoldMs: number;
  #loading: Promise<void> | undefined;
  #loaded = false;
  /** Where changes are published, one for each run; none: nobody is served. */
  readonly #outs = new Set<SourceOutput>();
  /** When instances were last let expire. */
  #tickedMs: number | undefined;
  #heldText: string | undefined;
  #failedWrites = 0;
  #retryAtMs = 0;
  #fileTrouble: Error | undefined;
  /** Counts changes; those up to `#writtenVersion` are on disk. */
  #version = 0;
  #writtenVersion = 0;

  constructor(config: ApiConfig, deps: ApiDeps) {
    this.#deps = deps;
    this.#maxHoldMs = config.leases.maxHoldMs;
    this.#registry = new MemoryRegistry(config, deps.clock, {
      headBytes: (head) => this.#encoder.headBytes(head),
      instanceBytes: (instance) => this.#encoder.instanceBytes(instance),
    });
    this.#file = new RegistryFile(deps.dataDir, config.maxFileBytes, deps.logger);
    this.#commits = new GroupCommit(() => this.#write());
    const backend: RegistryBackend = {
      registry: () => this.#readyRegistry(),
      changed: (...changes) => this.#changed(changes),
      durable: () => this.#durable(),
      now: () => deps.clock.now(),
    };
    const routes = registryRoutes(deps.name, new RequestParser(config.maxTtlSeconds), backend);
    if (config.eureka.enabled) {
      this.#eureka = new EurekaView();
      routes.push(...eurekaRoutes(this.#eureka, backend, config.maxTtlSeconds));
    }
    for (const route of routes) deps.http.add(route);
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await until(signal, this.#load());
    if (signal.aborted) return;
    this.#outs.add(out);
    out.replaceAll([...this.#registry.services.values()].map((service) => this.#converter.convert(service)));
    if (this.#fileTrouble) out.degraded(this.#fileTrouble, fileScope);
    if (this.#heldText !== undefined) out.notice('leases', this.#heldText);
    try {
      await this.#tick(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#outs.delete(out);
      await this.#lastWrite();
    }
  }

  /** The registrations as they are stored, but for what looks like a credential. */
  async records(service: string): Promise<readonly SourceRecord[]> {
    const instances = [...(this.#registry.services.get(service)?.instances.values() ?? [])].slice(0, maxRecords);
    return instances.map((instance) => toRecord(this.#deps.name, service, instance));
  }

  /** The first run reads the file; later ones go on with what is in memory, which is newer. */
  async #load(): Promise<void> {
    this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    await this.#loading;
  }

  async #read(): Promise<void> {
    const { services, damage } = await this.#file.load();
    this.#registry.restore(services);
    for (const service of services) this.#eureka?.update(service.name, service, this.#deps.clock.now());
    this.#fileTrouble = damage;
    this.#loaded = true;
  }

  /** Lets instances expire and writes again what could not be written, until `signal` aborts. */
  async #tick(signal: AbortSignal): Promise<never> {
    const { clock, logger } = this.#deps;
    // The time between two runs is one in which no heartbeat could be taken either.
    let lastMs = this.#tickedMs ?? clock.now();
    for (;;) {
      await clock.sleep(tickMs, signal);
      const nowMs = clock.now();
      const lostMs = nowMs - lastMs - tickMs;
      if (lostMs > pauseMs) logger.warn({ lostMs }, 'no heartbeat could be taken for a time; every lease gets it back');
      // A clock that was set back would make leases longer.
      if (Math.abs(lostMs) > toleratedMs) this.#registry.postpone(lostMs);
      lastMs = nowMs;
      this.#tickedMs = nowMs;
      const changes = this.#registry.expire();
      this.#tellHeld();
      for (const change of changes) this.#publish(change);
      const isRetryDue = this.#failedWrites > 0 && nowMs >= this.#retryAtMs;
      if (changes.length > 0 || isRetryDue) this.#commits.commit().catch(() => undefined); // told by #write
    }
  }

  #tellHeld(): void {
    const { held, leaseCount } = this.#registry;
    // To the minute, so that the notice changes rarely.
    const minutes = held && Math.ceil((held.sinceMs + this.#maxHoldMs - this.#deps.clock.now()) / 60_000);
    const text =
      held &&
      `${held.count} of ${leaseCount} leases have run out together; their instances are kept for ${minutes} minutes at most`;
    if (text === this.#heldText) return;
    this.#heldText = text;
    for (const out of this.#outs) out.notice('leases', text);
  }

  #readyRegistry(): MemoryRegistry {
    if (this.#loaded && this.#outs.size > 0) return this.#registry;
    throw new HttpProblem(503, 'Service Unavailable', 'the registry is not loaded yet');
  }

  async #changed(changes: readonly RegistryChange[]): Promise<void> {
    for (const change of changes) this.#publish(change);
    await this.#durable();
  }

  /** @throws HttpProblem 503 */
  async #durable(): Promise<void> {
    if (this.#writtenVersion === this.#version) return;
    try {
      await this.#commits.commit();
    } catch {
      // The cause, a matter of the operator's, is in the log and in the source's status.
      throw new HttpProblem(
        503,
        'Service Unavailable',
        'the change is in effect, but could not be written to disk yet',
      );
    }
  }

  #publish({ kind, name }: RegistryChange): void {
    this.#version++;
    const service = this.#registry.services.get(name);
    this.#eureka?.update(name, service, this.#deps.clock.now());
    const converted = kind === 'put' && service ? this.#converter.convert(service) : undefined;
    for (const out of this.#outs) {
      if (converted) out.upsert(converted);
      else out.remove(name);
    }
  }

  /** A run that ends waits for a write under way, but not for long. */
  async #lastWrite(): Promise<void> {
    const written = new AbortController();
    const late = delay(lastWriteMs, undefined, { signal: written.signal }).catch(() => undefined);
    await Promise.race([this.#commits.idle(), late]);
    written.abort();
  }

  async #write(): Promise<void> {
    const { clock, logger } = this.#deps;
    const version = this.#version;
    try {
      await this.#file.write([...this.#registry.services.values()].map((service) => this.#encoder.line(service)));
      this.#writtenVersion = version;
      this.#failedWrites = 0;
      if (this.#fileTrouble) for (const out of this.#outs) out.recovered(fileScope);
      this.#fileTrouble = undefined;
    } catch (error) {
      const trouble = error instanceof Error ? error : new Error(String(error));
      // Each change tries again: a full disk must not be filled by what is said of it.
      const isKnown = this.#failedWrites > 0 && this.#fileTrouble?.message === trouble.message;
      this.#retryAtMs = clock.now() + backoffMs(this.#failedWrites++, writeRetry);
      this.#fileTrouble = trouble;
      if (!isKnown) logger.error({ err: trouble }, 'the registry file could not be written; it is tried again');
      for (const out of this.#outs) out.degraded(trouble, fileScope);
      throw trouble;
    }
  }
}
