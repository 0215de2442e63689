import { isIP } from 'node:net';
import type { CatalogService } from '../catalog/catalog.js';
import type { LiveCatalog } from '../catalog/live-catalog.js';
import { hostOfTwin, type Naming } from '../catalog/naming.js';
import type { SourceUnit } from '../engine/source-unit.js';
import type { HoldStatus } from '../guard/hold.js';
import type { Instance, Service } from '../model/index.js';
import type { ShapeNote, Shaper } from '../shape/shaper.js';
import type { Sink } from '../sink/sink.js';
import { causeOf } from '../source/trouble-log.js';
import type { WhyChain, WhyPublished, WhyRegistry, WhyReport, WhyShape } from './why-report.js';

export interface WhyOptions {
  readonly units: readonly SourceUnit[];
  readonly catalog: LiveCatalog;
  readonly naming: Naming;
  readonly shaper: Shaper;
  readonly sinks: readonly { readonly name: string; readonly kind: string; readonly sink: Sink }[];
}

/** A service of a source, and the instance that was asked for. */
interface Found {
  readonly unit: SourceUnit;
  readonly name: string;
  readonly instance?: Instance;
}

const maxChains = 20;
const maxRejected = 20;
const recordsTimeoutMs = 5000;

/** Tells the whole chain of an endpoint or a host, from the registry's record to what each client has confirmed. */
export class Why {
  readonly #options: WhyOptions;

  constructor(options: WhyOptions) {
    this.#options = options;
  }

  /** @param target a host of the catalog, or `IP`, `IP:PORT`, `[IPv6]:PORT`, `NAME:PORT` of an instance */
  async report(target: string, signal: AbortSignal): Promise<WhyReport> {
    const endpoint = parseEndpoint(target);
    const found = endpoint ? this.#byEndpoint(endpoint) : this.#byHost(target.toLowerCase());
    const chains = await Promise.all(found.slice(0, maxChains).map((each) => this.#chain(each, signal)));
    return { target, chains, total: found.length };
  }

  /** Looks at every instance of every source: asked for by people, and as rare. */
  #byEndpoint({ address, port }: Endpoint): readonly Found[] {
    const found: Found[] = [];
    for (const unit of this.#options.units) {
      for (const [name, service] of allServices(unit)) {
        for (const instance of service.instances) {
          if (instance.address !== address) continue;
          if (port === undefined || Object.values(instance.ports).includes(port)) found.push({ unit, name, instance });
        }
      }
    }
    return found;
  }

  #byHost(host: string): readonly Found[] {
    const { units, catalog, naming } = this.#options;
    const published = catalog.published(host);
    if (published) {
      return published.origins.flatMap(({ source, service }) => {
        const unit = units.find(({ name }) => name === source);
        return unit ? [{ unit, name: service }] : [];
      });
    }
    // Not published: perhaps it is held back, left out or not let through.
    return units.flatMap((unit) =>
      [...allServices(unit)].flatMap(([name, service]) =>
        naming.hostsOf(unit.name, service).hosts.includes(host) ? [{ unit, name }] : [],
      ),
    );
  }

  async #chain({ unit, name, instance }: Found, signal: AbortSignal): Promise<WhyChain> {
    const reported = unit.reported.services.get(name);
    const accepted = unit.guarded.services.get(name);
    const isAbout = (service: Service | undefined) =>
      instance === undefined ? service !== undefined : service?.instances.some(({ id }) => id === instance.id) === true;
    const known = reported?.instances.find(({ id }) => id === instance?.id);
    const naming = accepted ? this.#options.naming.hostsOf(unit.name, accepted) : { hosts: [], reasons: [] };
    return {
      source: unit.name,
      service: name,
      ...(instance === undefined ? {} : { instance: instance.id }),
      registry: await registryOf(unit, name, instance?.id, signal),
      reported: {
        known: isAbout(reported),
        instances: reported?.instances.length ?? 0,
        ...(known === undefined ? {} : { instance: known }),
        rejected: (reported?.rejected ?? []).slice(0, maxRejected),
      },
      guard: {
        letThrough: isAbout(accepted),
        holds: holdsOf(unit, name, instance),
      },
      shape: this.#shape(unit.name, name, instance, isAbout(accepted)),
      naming: { hosts: naming.hosts, problems: naming.reasons },
      published: naming.hosts.map((host) => this.#published(this.#hostOf(host, unit.name, name), instance)),
    };
  }

  #shape(source: string, service: string, instance: Instance | undefined, letThrough: boolean): WhyShape {
    const { shaper } = this.#options;
    const note = shaper.noteOf(source, service);
    const left = instance ? leftOut(shaper.whyLeftOut(source, service, instance)) : notedOf(note);
    const reasons = [...(note?.excluded === undefined ? [] : [note.excluded]), ...left, ...(note?.problems ?? [])];
    const isLeftOut = note?.excluded !== undefined || (instance !== undefined && left.length > 0);
    return { kept: letThrough && !isLeftOut, reasons };
  }

  /** The host that a service is published as: its own, or as a twin the one made of its name. */
  #hostOf(host: string, source: string, service: string): string {
    const isOf = (candidate: string) =>
      this.#options.catalog.published(candidate)?.origins.some((o) => o.source === source && o.service === service) ===
      true;
    const twin = hostOfTwin(host, service);
    return !isOf(host) && isOf(twin) ? twin : host;
  }

  #published(host: string, instance: Instance | undefined): WhyPublished {
    const { catalog, sinks } = this.#options;
    const service: CatalogService | undefined = catalog.published(host);
    return {
      host,
      ...(service === undefined ? {} : { version: service.version }),
      ports: service?.ports ?? [],
      merge: (service?.origins ?? []).map(({ source, service: of, active, instances }) => ({
        source,
        service: of,
        active,
        instances: instances.length,
        has: active && instance !== undefined && instances.some((other) => isSameEndpoint(other, instance)),
      })),
      sinks: sinks.flatMap(({ name, kind, sink }) => {
        const explained = sink.explain?.(host);
        return explained ? [{ name, kind, ...explained }] : [];
      }),
    };
  }
}

function leftOut(reason: string | undefined): readonly string[] {
  return reason === undefined ? [] : [reason];
}

function notedOf(note: ShapeNote | undefined): readonly string[] {
  return (note?.instances ?? []).map(({ id, reason }) => `${id}: ${reason}`);
}

/** What is held of a service; of an instance, what holds it. */
function holdsOf(unit: SourceUnit, name: string, instance: Instance | undefined): readonly HoldStatus[] {
  if (instance === undefined) return unit.holds().filter(({ service }) => service === name);
  const holds = unit.guarded.holds(Number.POSITIVE_INFINITY).filter(({ service }) => service === name);
  return holds.flatMap((hold) => {
    if (hold.instances.length === 0) return hold;
    return hold.instances.includes(instance.id) ? { ...hold, instances: [instance.id] } : [];
  });
}

interface Endpoint {
  readonly address: string;
  readonly port?: number;
}

function parseEndpoint(target: string): Endpoint | undefined {
  if (isIP(target) !== 0) return { address: target };
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(target);
  const address = match?.[1] ?? match?.[2] ?? '';
  if (match?.[3] !== undefined) return { address: address.toLowerCase(), port: Number(match[3]) };
  return isIP(address) === 0 ? undefined : { address };
}

/** Reported or still let through: what is held is gone from the first and stands in the second. */
function* allServices({ reported, guarded }: SourceUnit): Generator<readonly [string, Service]> {
  for (const [name, service] of guarded.services) yield [name, withReported(service, reported.services.get(name))];
  for (const entry of reported.services) if (!guarded.services.has(entry[0])) yield entry;
}

function withReported(accepted: Service, reported: Service | undefined): Service {
  if (reported === undefined || reported === accepted) return accepted;
  const known = new Set(accepted.instances.map(({ id }) => id));
  const others = reported.instances.filter(({ id }) => !known.has(id));
  return others.length === 0 ? accepted : { ...accepted, instances: [...accepted.instances, ...others] };
}

async function registryOf(
  { supervisor }: SourceUnit,
  service: string,
  instance: string | undefined,
  signal: AbortSignal,
): Promise<WhyRegistry> {
  const { status } = supervisor.status();
  try {
    const records = await supervisor.records(service, AbortSignal.any([signal, AbortSignal.timeout(recordsTimeoutMs)]));
    if (records === undefined) return { status };
    const isAbout = (id: string | undefined) => id === undefined || instance === undefined || id === instance;
    return { status, records: records.filter((record) => isAbout(record.instance)) };
  } catch (error) {
    signal.throwIfAborted();
    return { status, error: causeOf(error instanceof Error ? error : new Error(String(error))) };
  }
}

function isSameEndpoint(a: Instance, b: Instance): boolean {
  if (a.id === b.id) return true;
  const numbers = (instance: Instance) =>
    Object.values(instance.ports)
      .sort((x, y) => x - y)
      .join();
  return a.address === b.address && numbers(a) === numbers(b);
}
