import { createHash } from 'node:crypto';
import { matchesGlob } from '../../core/catalog/glob.js';
import { Sidecar } from '../../proto/gen/sidecar.js';
import { encode } from '../grpc/encode.js';
import { isDnsLabel } from './dns-names.js';
import { type EncodedResource, encodeResource } from './resource.js';
import { type Attributes, TextTemplate } from './text-template.js';
import { validateSidecar } from './validate-sidecar.js';

export const sidecarTypeUrl = 'type.googleapis.com/istio.networking.v1alpha3.Sidecar';
export const applicationAnnotation = 'isthmus.io/application';

export interface SidecarOptions {
  /** Namespace of the application's workloads; a template. */
  readonly namespace: string;
  /** Labels of its workloads; the values are templates. */
  readonly workloadSelector: Readonly<Record<string, string>>;
  /** Which applications; globs. */
  readonly applications: readonly string[];
  /** What each sees beside what it depends on, as `istio-system/*`. */
  readonly hosts: readonly string[];
}

/** An application whose Sidecar istiod would refuse. */
export interface InvalidSidecar {
  readonly application: string;
  readonly reasons: readonly string[];
}

/** A Sidecar that is new or other than before, or one that is gone. */
export interface SidecarChange {
  readonly application: string;
  /** `namespace/name` */
  readonly name: string;
  readonly resource: EncodedResource | undefined;
}

interface Held {
  readonly name: string;
  readonly resource: EncodedResource;
}

/** More hosts than one application calls; what declares more declares everything. */
const maxHosts = 5000;
const maxApplicationLength = 253;

/** The applications' Sidecars, encoded: which hosts the proxies of an application are told of, and no others. */
export class SidecarSet {
  readonly #options: SidecarOptions;
  readonly #namespace: TextTemplate;
  readonly #selector: readonly (readonly [string, TextTemplate])[];
  readonly #held = new Map<string, Held>();
  readonly #invalid = new Map<string, readonly string[]>();
  #revision = 0;

  /** @throws SyntaxError for a template that is none */
  constructor(options: SidecarOptions) {
    this.#options = options;
    this.#namespace = new TextTemplate(options.namespace);
    this.#selector = Object.keys(options.workloadSelector)
      .sort()
      .map((key) => [key, new TextTemplate(options.workloadSelector[key] ?? '')] as const);
  }

  /** Grows whenever a Sidecar changes. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#held.size;
  }

  get invalidCount(): number {
    return this.#invalid.size;
  }

  *all(): Generator<SidecarChange> {
    for (const [application, { name, resource }] of this.#held) yield { application, name, resource };
  }

  *invalid(): Generator<InvalidSidecar> {
    for (const [application, reasons] of this.#invalid) yield { application, reasons };
  }

  /** Why an application's newest Sidecar is not served. */
  reasonsOf(application: string): readonly string[] {
    return this.#invalid.get(application) ?? [];
  }

  /** What applications depend on; one that depends on nothing has no Sidecar. @returns what differs */
  set(dependencies: Iterable<readonly [application: string, hosts: readonly string[]]>): readonly SidecarChange[] {
    const changes = [...dependencies].flatMap(([application, hosts]) => this.#setOne(application, hosts));
    if (changes.length > 0) this.#revision++;
    return changes;
  }

  #setOne(application: string, hosts: readonly string[]): readonly SidecarChange[] {
    if (hosts.length === 0 || !this.#options.applications.some((glob) => matchesGlob(glob, application))) {
      this.#invalid.delete(application);
      return this.#drop(application);
    }
    const made = this.#make(application, hosts);
    if ('reasons' in made) {
      this.#invalid.set(application, made.reasons);
      // An older one would keep from the application what it has come to need.
      return this.#drop(application);
    }
    this.#invalid.delete(application);
    const known = this.#held.get(application);
    if (known?.name === made.name && known.resource.version === made.resource.version) return [];
    const dropped = known !== undefined && known.name !== made.name ? this.#drop(application) : [];
    this.#held.set(application, made);
    return [...dropped, { application, ...made }];
  }

  #drop(application: string): readonly SidecarChange[] {
    const known = this.#held.get(application);
    this.#held.delete(application);
    return known ? [{ application, name: known.name, resource: undefined }] : [];
  }

  #make(application: string, hosts: readonly string[]): Held | { readonly reasons: readonly string[] } {
    if (application.length > maxApplicationLength) return { reasons: ['the name of the application is too long'] };
    if (hosts.length > maxHosts) return { reasons: [`it depends on ${hosts.length} hosts, more than ${maxHosts}`] };
    const attributes: Attributes = (name) => (name === 'application' ? application : undefined);
    const reasons: string[] = [];
    const render = (template: TextTemplate): string => {
      const rendered = template.render(attributes);
      if ('text' in rendered) return rendered.text;
      reasons.push(rendered.reason);
      return '';
    };
    const namespace = render(this.#namespace);
    const labels = Object.fromEntries(this.#selector.map(([key, template]) => [key, render(template)]));
    if (reasons.length > 0) return { reasons };
    const sidecar: Sidecar = {
      workloadSelector: { labels },
      // In any namespace: where the host is, is for the rules of services to say.
      egress: [{ hosts: [...new Set([...this.#options.hosts, ...hosts.map((host) => `*/${host}`)])].sort() }],
    };
    reasons.push(...validateSidecar(sidecar));
    if (!isDnsLabel(namespace)) reasons.push(`the namespace ${JSON.stringify(namespace.slice(0, 80))} is no DNS label`);
    if (reasons.length > 0) return { reasons };
    const name = `${namespace}/${resourceName(application)}`;
    const body = { typeUrl: sidecarTypeUrl, value: encode((writer) => Sidecar.encode(sidecar, writer)) };
    const annotations = { [applicationAnnotation]: application };
    return { name, resource: encodeResource({ name, labels: {}, annotations, body }) };
  }
}

/** Applications are called as they like: what no DNS label can hold is told apart by a digest. */
function resourceName(application: string): string {
  const plain = `isthmus-${application}`;
  if (isDnsLabel(plain)) return plain;
  return `isthmus-${createHash('sha256').update(application).digest('hex').slice(0, 32)}`;
}
