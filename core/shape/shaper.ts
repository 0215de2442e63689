import type { Instance, Service } from '../model/index.js';
import { type AddressPolicy, refusedBy } from './address-policy.js';
import { type PortRule, shapePorts } from './port-rule.js';
import type { Quarantine } from './quarantine.js';
import { type RelabelRule, relabel } from './relabel.js';
import { type ServiceSelector, selects } from './selector.js';

/** What becomes of the services that it selects. All rules that select a service are applied, in their order. */
export interface ShapeRule extends ServiceSelector {
  /** Of the selected services, only those that one of these selects too; absent: all. */
  readonly include?: readonly ServiceSelector[] | undefined;
  /** Of the selected services, none of these. */
  readonly exclude?: readonly ServiceSelector[] | undefined;
  /** Of the service. */
  readonly metadata?: RelabelRule | undefined;
  /** Of each instance. */
  readonly instanceMetadata?: RelabelRule | undefined;
  readonly ports?: readonly PortRule[] | undefined;
}

export interface ShaperOptions {
  readonly rules: readonly ShapeRule[];
  /** By source; a source that is not there has none. */
  readonly addresses: ReadonlyMap<string, AddressPolicy>;
  readonly quarantine: Quarantine;
}

/** What shaping left out of a service, for those who ask why. */
export interface ShapeNote {
  /** The service as a whole is left out, for this reason. */
  readonly excluded?: string;
  /** Instances that were left out. */
  readonly instances: readonly { readonly id: string; readonly reason: string }[];
  /** Rules that could not be applied. */
  readonly problems: readonly string[];
}

const maxNotedInstances = 100;
/** Services with something to note, remembered at most. */
const maxNotes = 50_000;

/**
 * Gives services the form that the configuration asks for, between the guards and naming: which are in, what their
 * metadata and ports are, which instances get traffic. The very same service comes back where nothing applies.
 */
export class Shaper {
  readonly #options: ShaperOptions;
  readonly #notes = new Map<string, ShapeNote>();
  /** Shaped instances by the rules that were applied: an instance that stays the same object stays so shaped. */
  readonly #instances = new Map<string, WeakMap<Instance, Instance>>();

  constructor(options: ShaperOptions) {
    this.#options = options;
  }

  /** @param service undefined: it is gone */
  shape(source: string, name: string, service: Service | undefined): Service | undefined {
    if (service === undefined) {
      this.#notes.delete(`${source}/${name}`);
      return undefined;
    }
    const applied = this.#options.rules.filter((rule) => selects(rule, source, service));
    const excluded = applied.map((rule) => whyExcluded(rule, source, service)).find((reason) => reason !== undefined);
    const instances: { id: string; reason: string }[] = [];
    const problems: string[] = [];
    const shaped =
      excluded === undefined
        ? this.#withTraffic(source, this.#withRules(service, applied, problems), instances)
        : undefined;
    this.#note(source, name, { ...(excluded === undefined ? {} : { excluded }), instances, problems });
    return shaped;
  }

  /** What was left out of a service when it was shaped last; undefined: nothing. */
  noteOf(source: string, service: string): ShapeNote | undefined {
    return this.#notes.get(`${source}/${service}`);
  }

  /** Why an instance gets no traffic, or undefined. The notes have the first of a service alone. */
  whyLeftOut(source: string, service: string, instance: Instance): string | undefined {
    return this.#whyLeftOut(source, service, instance, true);
  }

  /** Services with something left out, by `source/name`. */
  get notes(): ReadonlyMap<string, ShapeNote> {
    return this.#notes;
  }

  #withRules(service: Service, applied: readonly ShapeRule[], problems: string[]): Service {
    let { metadata, ports } = service;
    const renames: ReadonlyMap<string, string | undefined>[] = [];
    for (const rule of applied) {
      if (rule.metadata) metadata = relabel(metadata, rule.metadata);
      if (!rule.ports) continue;
      const shaped = shapePorts(ports, rule.ports);
      ports = shaped.ports;
      renames.push(shaped.renamed);
      problems.push(...shaped.problems);
    }
    const relabels = applied.flatMap(({ instanceMetadata }) => instanceMetadata ?? []);
    const isRenamed = renames.some(({ size }) => size > 0);
    if (relabels.length === 0 && !isRenamed) {
      return metadata === service.metadata && ports === service.ports ? service : { ...service, metadata, ports };
    }
    const key = JSON.stringify([
      applied.map((rule) => this.#options.rules.indexOf(rule)),
      renames.map((renamed) => [...renamed].map(([from, to]) => [from, to ?? null])),
    ]);
    const known = this.#instances.get(key) ?? new WeakMap<Instance, Instance>();
    this.#instances.set(key, known);
    const instances = service.instances.map((instance) => {
      const shaped = known.get(instance) ?? shapeInstance(instance, relabels, renames);
      known.set(instance, shaped);
      return shaped;
    });
    return { ...service, metadata, ports, instances };
  }

  #withTraffic(source: string, service: Service, left: { id: string; reason: string }[]): Service {
    const isConcerned = this.#options.quarantine.concerns(source, service.name);
    if (!this.#options.addresses.has(source) && !isConcerned) return service;
    const kept = service.instances.filter((instance) => {
      const reason = this.#whyLeftOut(source, service.name, instance, isConcerned);
      if (reason !== undefined && left.length < maxNotedInstances) left.push({ id: instance.id, reason });
      return reason === undefined;
    });
    return kept.length === service.instances.length ? service : { ...service, instances: kept };
  }

  #whyLeftOut(source: string, service: string, instance: Instance, isConcerned: boolean): string | undefined {
    const { quarantine, addresses } = this.#options;
    const entry = isConcerned ? quarantine.find(source, service, instance) : undefined;
    if (entry) return `quarantined (${entry.id}): ${entry.reason}`;
    const policy = addresses.get(source);
    return policy && refusedBy(policy, instance.address);
  }

  #note(source: string, service: string, note: ShapeNote): void {
    const key = `${source}/${service}`;
    const isWorthIt = note.excluded !== undefined || note.instances.length > 0 || note.problems.length > 0;
    if (!isWorthIt) this.#notes.delete(key);
    else if (this.#notes.has(key) || this.#notes.size < maxNotes) this.#notes.set(key, note);
  }
}

function whyExcluded({ include, exclude }: ShapeRule, source: string, service: Service): string | undefined {
  if (include && !include.some((selector) => selects(selector, source, service))) return 'no include rule selects it';
  if (exclude?.some((selector) => selects(selector, source, service))) return 'an exclude rule selects it';
  return undefined;
}

function shapeInstance(
  instance: Instance,
  relabels: readonly RelabelRule[],
  renames: readonly ReadonlyMap<string, string | undefined>[],
): Instance {
  let { metadata, ports } = instance;
  for (const rule of relabels) metadata = relabel(metadata, rule);
  for (const renamed of renames) {
    if (renamed.size === 0) continue;
    ports = Object.fromEntries(
      Object.entries(ports).flatMap(([name, number]) => {
        const next = renamed.has(name) ? renamed.get(name) : name;
        return next === undefined ? [] : [[next, number] as const];
      }),
    );
  }
  return metadata === instance.metadata && ports === instance.ports ? instance : { ...instance, metadata, ports };
}
