import type { Consumer, Service } from '../core/model/index.js';
import type { AuditReport } from '../core/source/audit-report.js';
import type { SourceOutput } from '../core/source/source.js';
import { serviceProblems } from './check-service.js';
import { describeState } from './describe-state.js';
import type { RecordedEvent } from './recorded-event.js';

/** The scope that stands for the source as a whole, where a call names none. */
export const wholeSource = '';

export interface WaitOptions {
  /** Completes "timed out waiting for …". */
  readonly what?: string;
  /** Default 10 s. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

const maxEvents = 10_000;

/**
 * A SourceOutput that applies what a source publishes and remembers how it came. Everything published is checked
 * against the rules of core/model on the way; see {@link problems}.
 */
export class Recorder implements SourceOutput {
  readonly #services = new Map<string, Service>();
  readonly #degraded = new Map<string, Error>();
  readonly #notices = new Map<string, string>();
  readonly #consumers = new Map<string, readonly Consumer[]>();
  readonly #audits: AuditReport[] = [];
  readonly #events: RecordedEvent[] = [];
  readonly #problems = new Set<string>();
  readonly #late: string[] = [];
  readonly #listeners = new Set<(event: RecordedEvent) => void>();
  #synced = false;
  #closed = false;
  #dropped = 0;

  /** What is published now, by the registry's own names. */
  get services(): ReadonlyMap<string, Service> {
    return this.#services;
  }

  /** Scopes whose reading fails now, with the reason; {@link wholeSource} for the source as a whole. */
  get degradedScopes(): ReadonlyMap<string, Error> {
    return this.#degraded;
  }

  /** Notices that last, by key. */
  get notices(): ReadonlyMap<string, string> {
    return this.#notices;
  }

  /** Declared consumers by the service's name; nobody is not kept. */
  get declaredConsumers(): ReadonlyMap<string, readonly Consumer[]> {
    return this.#consumers;
  }

  /** Reports of scheduled audits, oldest first; the first 1000. */
  get audits(): readonly AuditReport[] {
    return this.#audits;
  }

  /** The calls so far, oldest first; the newest 10,000 of them. */
  get events(): readonly RecordedEvent[] {
    return this.#events;
  }

  /** How many of the oldest events were let go. */
  get droppedEvents(): number {
    return this.#dropped;
  }

  /** Whether there was a `replaceAll` since the last {@link unsync}. */
  get synced(): boolean {
    return this.#synced;
  }

  /** What was published against the rules of core/model. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  /** Calls that came after {@link close}; they are not applied. */
  get late(): readonly string[] {
    return this.#late;
  }

  /** What is published, as the source sees it. */
  published(): ReadonlyMap<string, Service> {
    return this.#services;
  }

  /** These were published before a restart: they stay until the source says something else. */
  restore(services: Iterable<Service>): void {
    for (const service of services) this.#services.set(service.name, service);
  }

  replaceAll(services: Iterable<Service>): void {
    const all = new Map<string, Service>();
    for (const service of services) {
      if (all.has(service.name))
        this.#problems.add(`replaceAll: service ${JSON.stringify(service.name)} is there twice`);
      all.set(service.name, service);
      this.#check(service);
    }
    if (this.#isLate('replaceAll')) return;
    this.#services.clear();
    for (const [name, service] of all) this.#services.set(name, service);
    this.#degraded.clear();
    this.#synced = true;
    this.#record({ kind: 'replaceAll', services: all });
  }

  upsert(service: Service): void {
    this.#check(service);
    if (this.#isLate(`upsert ${service.name}`)) return;
    this.#services.set(service.name, service);
    this.#record({ kind: 'upsert', service });
  }

  remove(name: string): void {
    if (this.#isLate(`remove ${name}`)) return;
    this.#services.delete(name);
    this.#record({ kind: 'remove', name });
  }

  degraded(reason: Error, scope = wholeSource): void {
    if (!(reason instanceof Error)) this.#problems.add('degraded: the reason is no Error');
    if (this.#isLate('degraded')) return;
    this.#degraded.set(scope, reason);
    this.#record({ kind: 'degraded', reason, scope });
  }

  recovered(scope = wholeSource): void {
    if (this.#isLate('recovered')) return;
    this.#degraded.delete(scope);
    this.#record({ kind: 'recovered', scope });
  }

  notice(key: string, text: string | undefined): void {
    if (this.#isLate(`notice ${key}`)) return;
    if (text === undefined) this.#notices.delete(key);
    else this.#notices.set(key, text);
    this.#record({ kind: 'notice', key, text });
  }

  consumers(service: string, consumers: readonly Consumer[]): void {
    if (new Set(consumers.map(({ id }) => id)).size < consumers.length) {
      this.#problems.add(`consumers of ${JSON.stringify(service)}: an id is there twice`);
    }
    if (this.#isLate(`consumers ${service}`)) return;
    if (consumers.length === 0) this.#consumers.delete(service);
    else this.#consumers.set(service, consumers);
    this.#record({ kind: 'consumers', service, consumers });
  }

  audited(report: AuditReport): void {
    if (this.#isLate('audited')) return;
    if (this.#audits.length < 1000) this.#audits.push(report);
    this.#record({ kind: 'audited', report });
  }

  /** Notes a run that rejected, as the supervisor would: what was published stays. */
  failed(reason: Error): void {
    this.#record({ kind: 'failed', reason });
  }

  /** A new run begins: it must list everything again before it counts as synced. */
  unsync(): void {
    this.#synced = false;
  }

  /** From now on nothing is applied, and every call is {@link late}. */
  close(): void {
    this.#closed = true;
  }

  /** Calls `listener` after each event is applied. Returns how to end it. */
  onEvent(listener: (event: RecordedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves as soon as `predicate` holds; it is asked at once and then after each event, never by the clock.
   * @throws Error with the state that was reached instead, after `deadlineMs`; the signal's reason; an error of `predicate`.
   */
  waitFor(predicate: (recorder: this) => boolean, options: WaitOptions = {}): Promise<void> {
    const { what = 'a condition', deadlineMs = 10_000, signal } = options;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        stopListening();
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const look = () => {
        try {
          if (predicate(this)) end(resolve);
        } catch (error) {
          end(() => reject(error));
        }
      };
      const onAbort = () => end(() => reject(signal?.reason));
      const timer = setTimeout(() => {
        const message = `timed out after ${deadlineMs} ms waiting for ${what}\n${this.describe()}`;
        end(() => reject(new Error(message)));
      }, deadlineMs);
      const stopListening = this.onEvent(look);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      look();
    });
  }

  /** The state and the last events, for people. */
  describe(): string {
    return describeState(this);
  }

  #record(event: RecordedEvent): void {
    this.#events.push(event);
    if (this.#events.length > maxEvents) {
      this.#events.shift();
      this.#dropped++;
    }
    for (const listener of [...this.#listeners]) listener(event);
  }

  #check(service: Service): void {
    if (this.#problems.size >= 100) return;
    for (const problem of serviceProblems(service)) this.#problems.add(problem);
  }

  #isLate(call: string): boolean {
    if (this.#closed && this.#late.length < 100) this.#late.push(call);
    return this.#closed;
  }
}
