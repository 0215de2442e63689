import type { Rejection } from '../../core/plugin/index.js';
import {
  type ApplicationInstance,
  type InstanceOutcome,
  parseZookeeperInstance,
} from '../dubbo/application-instance.js';

/**
 * One application's instances, as their znodes were read last. Their data can change under one name, so each must be
 * read again when an event tells of it, and after each new connection.
 */
export class InstanceList {
  readonly #application: string;
  #outcomes = new Map<string, InstanceOutcome>();
  readonly #stale = new Set<string>();

  constructor(application: string) {
    this.#application = application;
  }

  /** What is known of this child may be old. */
  distrust(childName: string): void {
    this.#stale.add(childName);
  }

  /** What is known may be old as a whole. */
  distrustAll(): void {
    for (const name of this.#outcomes.keys()) this.#stale.add(name);
  }

  /** Children that were there when they were listed last. */
  get names(): Iterable<string> {
    return this.#outcomes.keys();
  }

  /** Takes the complete list of children. @returns those whose data have to be read */
  retain(childNames: readonly string[]): string[] {
    const kept = new Map<string, InstanceOutcome>();
    for (const name of childNames) {
      const outcome = this.#outcomes.get(name);
      if (outcome) kept.set(name, outcome);
    }
    this.#outcomes = kept;
    for (const name of this.#stale) if (!kept.has(name)) this.#stale.delete(name);
    return childNames.filter((name) => !kept.has(name) || this.#stale.has(name));
  }

  /** To be called before the reading: an event during it must not be lost. */
  trust(childName: string): void {
    this.#stale.delete(childName);
  }

  /** Takes the data of one child; undefined when it is gone. */
  set(childName: string, data: Buffer | undefined): void {
    if (data === undefined) this.#outcomes.delete(childName);
    else this.#outcomes.set(childName, parseZookeeperInstance(this.#application, childName, data.toString('utf8')));
  }

  get instances(): ApplicationInstance[] {
    const instances: ApplicationInstance[] = [];
    for (const outcome of this.#outcomes.values()) if (outcome.kind === 'instance') instances.push(outcome.instance);
    return instances;
  }

  get rejected(): Rejection[] {
    const rejections: Rejection[] = [];
    for (const outcome of this.#outcomes.values()) if (outcome.kind === 'rejected') rejections.push(outcome.rejection);
    return rejections;
  }
}
