import { matchesGlob } from '../catalog/glob.js';
import type { Instance } from '../model/index.js';
import { AddressSet } from './address-set.js';
import { matchesLabels } from './selector.js';

/** Instances that get no traffic for now. What is given must match; at least an address or a label is given. */
export interface QuarantineEntry {
  readonly id: string;
  /** Glob over sources; absent: each. */
  readonly source?: string | undefined;
  /** Glob over services' names in the registry; absent: each. */
  readonly service?: string | undefined;
  /** IP address, CIDR block, or glob over DNS names. */
  readonly address?: string | undefined;
  /** Instances' metadata, globs by key. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly reason: string;
  /** Milliseconds since the epoch; absent: until it is taken out. */
  readonly untilMs?: number | undefined;
  readonly sinceMs: number;
  /** Whether it stands in the configuration, or came over the API. */
  readonly from: 'config' | 'operator';
}

interface Compiled {
  readonly entry: QuarantineEntry;
  readonly addresses: AddressSet | undefined;
}

/** The instances that are quarantined now. */
export class Quarantine {
  #entries: readonly Compiled[] = [];

  /** @throws SyntaxError for an address that is none */
  constructor(entries: readonly QuarantineEntry[] = []) {
    this.#entries = entries.map(compile);
  }

  get entries(): readonly QuarantineEntry[] {
    return this.#entries.map(({ entry }) => entry);
  }

  /** @throws SyntaxError for an address that is none */
  add(entry: QuarantineEntry): void {
    this.#entries = [...this.#entries, compile(entry)];
  }

  /** @returns whether there was one */
  remove(id: string): boolean {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter(({ entry }) => entry.id !== id);
    return this.#entries.length < before;
  }

  /** Takes out those whose time is over. @returns them */
  expire(nowMs: number): readonly QuarantineEntry[] {
    const isOver = ({ entry }: Compiled) => entry.untilMs !== undefined && entry.untilMs <= nowMs;
    const over = this.#entries.filter(isOver);
    if (over.length > 0) this.#entries = this.#entries.filter((entry) => !isOver(entry));
    return over.map(({ entry }) => entry);
  }

  /** Whether any instance of the service may be quarantined: most services need no further look. */
  concerns(source: string, service: string): boolean {
    return this.#entries.some((compiled) => isAbout(compiled, source, service));
  }

  /** The entry that quarantines an instance, or undefined. */
  find(source: string, service: string, instance: Instance): QuarantineEntry | undefined {
    return this.#entries.find(
      (compiled) =>
        isAbout(compiled, source, service) &&
        (compiled.addresses === undefined || compiled.addresses.has(instance.address)) &&
        matchesLabels(compiled.entry.labels, instance.metadata),
    )?.entry;
  }
}

function compile(entry: QuarantineEntry): Compiled {
  return { entry, addresses: entry.address === undefined ? undefined : new AddressSet([entry.address]) };
}

function isAbout({ entry }: Compiled, source: string, service: string): boolean {
  return (
    (entry.source === undefined || matchesGlob(entry.source, source)) &&
    (entry.service === undefined || matchesGlob(entry.service, service))
  );
}
