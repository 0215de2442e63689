import type { CatalogService, Change } from '../../core/catalog/catalog.js';
import type { Port } from '../../core/plugin/index.js';
import type { XdsChange, XdsResource } from '../grpc/xds-resource.js';
import type { Defect } from './endpoint.js';
import { EndpointEncoder, type PortEndpoints } from './endpoints.js';
import { Gateway } from './gateway.js';
import type { GatewayConfig, HostFilter } from './gateway-config.js';
import { ProxylessClients } from './proxyless.js';
import { ResourceTable } from './resource-table.js';
import type { FileContents } from './tls-context.js';
import type { UpstreamConfig } from './upstream-config.js';
import { serviceProblems } from './validate.js';

export interface XdsResourcesOptions {
  readonly gateways: readonly GatewayConfig[];
  /** For clients that read xDS themselves; undefined: there are none. */
  readonly grpc: { readonly services: HostFilter; readonly upstream: UpstreamConfig } | undefined;
}

/** Told once whenever what is wrong with a host changes. */
export interface ResourcesObserver {
  onInvalid(host: string, reasons: readonly string[]): void;
  onDefects(host: string, defects: readonly Defect[]): void;
}

/** A service of which no client would take what would be made of it now. */
export interface InvalidService {
  readonly host: string;
  readonly reasons: readonly string[];
  /** Whether what was made of an earlier, good state of it is still served. */
  readonly serving: boolean;
}

export interface ExplainedHost {
  readonly resources: readonly XdsResource[];
  readonly refused: readonly string[];
  readonly defects: readonly Defect[];
}

const keptReasons = 10;
/** Some milliseconds' work. */
const servicesInPart = 16;

/** The catalog as resources. What a change does not touch is not made anew, and what is made alike is no change. */
export class XdsResources {
  readonly #observer: ResourcesObserver;
  readonly #gateways: readonly Gateway[];
  readonly #proxyless: ProxylessClients | undefined;
  readonly #table = new ResourceTable();
  /** Host → port name → its encoder. */
  readonly #encoders = new Map<string, Map<string, EndpointEncoder>>();
  readonly #invalid = new Map<string, readonly string[]>();
  /** Host → where from → what is left out. */
  readonly #defects = new Map<string, Map<string, readonly Defect[]>>();

  /** @param files what listeners need of files, see `filesToRead` */
  constructor(options: XdsResourcesOptions, observer: ResourcesObserver, files: FileContents = new Map()) {
    this.#observer = observer;
    this.#gateways = options.gateways.map((gateway) => new Gateway(gateway, files));
    this.#proxyless = options.grpc && new ProxylessClients(options.grpc);
  }

  /** Takes a change of the catalog. What is new or other comes before what is gone. */
  apply(change: Change): XdsChange[] {
    return inOrder([...this.parts(change)].flat());
  }

  /**
   * The same in parts of a few services each, so that other work can be done in between. What is referred to is in no later
   * part than what refers to it, and what is gone is in the last. Of a reset only all parts together are complete.
   */
  *parts({ reset, upserts, removes }: Change): Generator<XdsChange[]> {
    const removed = new Set(removes);
    if (reset) {
      const present = new Set(upserts.map(({ host }) => host));
      for (const host of [...this.#table.owners('service'), ...this.#invalid.keys()]) {
        if (!present.has(host)) removed.add(host);
      }
    }
    let changes: XdsChange[] = [];
    for (const [index, service] of upserts.entries()) {
      this.#upsert(service, changes);
      if ((index + 1) % servicesInPart !== 0) continue;
      // A port that is gone goes with the last part, too: a listener may still refer to it.
      const gone = changes.filter(({ kind }) => kind === 'delete');
      yield changes.filter(({ kind }) => kind === 'set');
      changes = gone;
    }
    for (const host of removed) this.#remove(host, changes);
    this.#assemble(changes);
    yield inOrder(changes);
  }

  /** The files that listeners need have other contents; {@link refresh}, or the next change, makes listeners of them. */
  setFiles(files: FileContents): void {
    for (const gateway of this.#gateways) gateway.setFiles(files);
  }

  refresh(): XdsChange[] {
    const changes: XdsChange[] = [];
    this.#assemble(changes);
    return inOrder(changes);
  }

  /** Resources by type URL. */
  counts(): ReadonlyMap<string, number> {
    return this.#table.counts;
  }

  get byteLength(): number {
    return this.#table.byteLength;
  }

  get invalidCount(): number {
    return this.#invalid.size;
  }

  *invalid(): Generator<InvalidService> {
    for (const [host, reasons] of this.#invalid) yield { host, reasons, serving: this.#table.has('service', host) };
  }

  *defective(): Generator<{ readonly host: string; readonly defects: readonly Defect[] }> {
    for (const [host, parts] of this.#defects)
      yield { host, defects: [...parts.values()].flat().slice(0, keptReasons) };
  }

  /** What is served of a host and what is not; undefined when nothing is known of it. */
  explain(host: string): ExplainedHost | undefined {
    const refused = this.#invalid.get(host);
    if (refused === undefined && !this.#table.has('service', host)) return undefined;
    const defects = [...(this.#defects.get(host)?.values() ?? [])].flat();
    return { resources: this.#table.of('service', host), refused: refused ?? [], defects };
  }

  #upsert(service: CatalogService, changes: XdsChange[]): void {
    const { host } = service;
    const reasons = serviceProblems(service).slice(0, keptReasons);
    this.#noteInvalid(host, reasons);
    if (reasons.length > 0) return;
    const endpointsOf = this.#endpointsOf(service);
    const resources: XdsResource[] = [];
    for (const gateway of this.#gateways) {
      const own = gateway.set(service, endpointsOf);
      resources.push(...own.resources);
      this.#noteDefects(host, `gateway ${gateway.config.name}`, own.defects);
    }
    if (this.#proxyless) {
      const own = this.#proxyless.set(service, endpointsOf);
      resources.push(...own.resources);
      this.#noteDefects(host, 'grpc', own.defects);
    }
    this.#table.replace('service', host, resources, changes);
  }

  /** The endpoints of a port, encoded when first asked for. */
  #endpointsOf(service: CatalogService): (port: Port) => PortEndpoints {
    const { host } = service;
    const known = this.#encoders.get(host);
    const encoders = new Map(service.ports.map(({ name }) => [name, known?.get(name) ?? new EndpointEncoder(name)]));
    this.#encoders.set(host, encoders);
    const encoded = new Map<string, PortEndpoints>();
    return ({ name }) => {
      let endpoints = encoded.get(name);
      if (endpoints === undefined) {
        endpoints = (encoders.get(name) ?? new EndpointEncoder(name)).encode(service);
        encoded.set(name, endpoints);
        this.#noteDefects(host, `port ${name}`, endpoints.defects);
      }
      return endpoints;
    };
  }

  #remove(host: string, changes: XdsChange[]): void {
    this.#invalid.delete(host);
    this.#defects.delete(host);
    this.#encoders.delete(host);
    for (const gateway of this.#gateways) gateway.delete(host);
    this.#proxyless?.delete(host);
    this.#table.replace('service', host, [], changes);
  }

  #assemble(changes: XdsChange[]): void {
    for (const gateway of this.#gateways) {
      for (const [name, { resources, defects }] of gateway.assemble()) {
        const owner = `${gateway.config.name}/${name}`;
        this.#table.replace('listener', owner, resources, changes);
        const from = `listener ${owner}`;
        for (const [host, parts] of this.#defects) {
          if (parts.has(from) && !defects.has(host)) this.#noteDefects(host, from, []);
        }
        for (const [host, own] of defects) this.#noteDefects(host, from, own);
      }
    }
  }

  #noteInvalid(host: string, reasons: readonly string[]): void {
    const known = this.#invalid.get(host);
    if (reasons.length === 0) this.#invalid.delete(host);
    else this.#invalid.set(host, reasons);
    if (reasons.length > 0 && known?.join() !== reasons.join()) this.#observer.onInvalid(host, reasons);
  }

  #noteDefects(host: string, from: string, defects: readonly Defect[]): void {
    const parts = this.#defects.get(host);
    const known = parts?.get(from);
    if (defects.length === 0) {
      if (parts?.delete(from) && parts.size === 0) this.#defects.delete(host);
      return;
    }
    if (parts) parts.set(from, defects);
    else this.#defects.set(host, new Map([[from, defects]]));
    if (known === undefined || !sameDefects(known, defects)) this.#observer.onDefects(host, defects);
  }
}

function sameDefects(a: readonly Defect[], b: readonly Defect[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ part, of, reason }, index) => {
      const other = b[index];
      return part === other?.part && of === other.of && reason === other.reason;
    })
  );
}

function inOrder(changes: readonly XdsChange[]): XdsChange[] {
  return [...changes.filter(({ kind }) => kind === 'set'), ...changes.filter(({ kind }) => kind === 'delete')];
}
