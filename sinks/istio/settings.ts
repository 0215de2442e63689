import type { CatalogService } from '../../core/catalog/catalog.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import type { Metadata } from '../../core/model/index.js';
import { matchesLabels } from '../../core/shape/selector.js';
import { isDnsLabel } from './dns-names.js';
import { exportToProblems } from './export-to.js';
import { isLabelValue, LabelPicker } from './labels.js';
import { type Attributes, TextTemplate } from './text-template.js';

/** What can be said of all services, and otherwise of those that a rule is about. */
export interface ServiceOptions {
  /** Namespace of the resources; a template. */
  readonly namespace: string;
  readonly location: 'internal' | 'external';
  /** Keys of instance metadata that become endpoint labels; globs. */
  readonly labels: readonly string[];
  /** Labels of every endpoint, by key; the values are templates. They win over metadata. */
  readonly addLabels: Readonly<Record<string, string>>;
  /** Keys of service metadata that become labels of the resource; globs. */
  readonly serviceLabels: readonly string[];
  /** Namespaces that see the hosts, as templates; empty: as the mesh's default has it. */
  readonly exportTo: readonly string[];
  /** Templates. */
  readonly subjectAltNames: readonly string[];
}

/** Which services a rule is about: those that match everything that is given. Globs. */
export interface ServiceMatch {
  readonly source?: string | undefined;
  /** The service's name in the registry. */
  readonly service?: string | undefined;
  readonly host?: string | undefined;
  /** Over the service's metadata, by key. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

type Partly<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

/** What a rule does not say is as it is for all services. */
export interface IstioRule extends Partly<ServiceOptions> {
  readonly match: ServiceMatch;
}

/** How catalog services become Istio resources. */
export interface IstioOptions extends ServiceOptions {
  /** The first that matches a service counts. */
  readonly rules: readonly IstioRule[];
}

/** How one service does: {@link ServiceOptions} with nothing left to fill in. */
export interface ServiceSettings {
  readonly namespace: string;
  readonly location: 'internal' | 'external';
  readonly labels: LabelPicker;
  readonly addLabels: Readonly<Record<string, string>>;
  readonly serviceLabels: LabelPicker;
  /** Sorted, so that the bytes are equal on every replica. */
  readonly exportTo: readonly string[];
  readonly subjectAltNames: readonly string[];
}

type Resolved = { readonly settings: ServiceSettings } | { readonly reasons: readonly string[] };

/** Tells how each service becomes resources. */
export class IstioSettings {
  readonly #rules: readonly { readonly match: ServiceMatch; readonly compiled: Compiled }[];
  readonly #general: Compiled;

  /** @throws SyntaxError for a template that is none */
  constructor(options: IstioOptions) {
    const { rules, ...general } = options;
    this.#general = new Compiled(general);
    this.#rules = rules.map(({ match, ...own }) => ({ match, compiled: new Compiled({ ...general, ...given(own) }) }));
  }

  /** The settings of a service, or why it has none. */
  of(service: CatalogService): Resolved {
    const rule = this.#rules.find(({ match }) => isAbout(match, service));
    return (rule?.compiled ?? this.#general).resolve(service);
  }
}

function given<T extends object>(options: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

/** A rule of a source is about every service that the source has a part in, merged out or not: it does not come and go with a fallback. */
function isAbout({ source, service: name, host, labels }: ServiceMatch, service: CatalogService): boolean {
  const isOf = (origin: CatalogService['origins'][number]) =>
    matches(source, origin.source) && matches(name, origin.service);
  if (!matches(host, service.host) || !matchesLabels(labels, service.metadata)) return false;
  return (source === undefined && name === undefined) || service.origins.some(isOf);
}

function matches(glob: string | undefined, text: string): boolean {
  return glob === undefined || matchesGlob(glob, text);
}

/** Options whose templates were read. */
class Compiled {
  readonly #options: ServiceOptions;
  readonly #labels: LabelPicker;
  readonly #serviceLabels: LabelPicker;
  readonly #namespace: TextTemplate;
  readonly #exportTo: readonly TextTemplate[];
  readonly #subjectAltNames: readonly TextTemplate[];
  readonly #addLabels: readonly (readonly [string, TextTemplate])[];
  /** Without templates it is the same for all services. */
  readonly #constant: Resolved | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#labels = new LabelPicker(options.labels);
    this.#serviceLabels = new LabelPicker(options.serviceLabels);
    this.#namespace = new TextTemplate(options.namespace);
    this.#exportTo = options.exportTo.map((text) => new TextTemplate(text));
    this.#subjectAltNames = options.subjectAltNames.map((text) => new TextTemplate(text));
    this.#addLabels = Object.keys(options.addLabels)
      .sort()
      .map((key) => [key, new TextTemplate(options.addLabels[key] ?? '')] as const);
    const templates = [
      this.#namespace,
      ...this.#exportTo,
      ...this.#subjectAltNames,
      ...this.#addLabels.map(([, template]) => template),
    ];
    if (templates.every(({ attributes }) => attributes.length === 0)) this.#constant = this.#render(() => undefined);
  }

  resolve(service: CatalogService): Resolved {
    return this.#constant ?? this.#render(attributesOf(service));
  }

  #render(attributes: Attributes): Resolved {
    const reasons: string[] = [];
    const render = (template: TextTemplate): string => {
      const rendered = template.render(attributes);
      if ('text' in rendered) return rendered.text;
      reasons.push(rendered.reason);
      return '';
    };
    const namespace = render(this.#namespace);
    // istiod drops a resource whose namespaces are named twice, its own by a dot and by its name.
    const own = this.#exportTo.map(render).map((text) => (text === namespace ? '.' : text));
    const exportTo = [...new Set(own)].sort();
    const subjectAltNames = [...new Set(this.#subjectAltNames.map(render))].sort();
    const addLabels = Object.fromEntries(this.#addLabels.map(([key, template]) => [key, render(template)]));
    if (reasons.length > 0) return { reasons: [...new Set(reasons)] };
    if (!isDnsLabel(namespace)) reasons.push(`the namespace ${quote(namespace)} is no DNS label in lower case`);
    reasons.push(...exportToProblems(exportTo));
    for (const name of subjectAltNames) {
      if (!isSubjectAltName(name)) reasons.push(`the subject alternative name ${quote(name)} cannot be one`);
    }
    for (const [key, value] of Object.entries(addLabels)) {
      if (!isLabelValue(value)) reasons.push(`the label ${key} cannot have the value ${quote(value)}`);
    }
    if (reasons.length > 0) return { reasons };
    const { location } = this.#options;
    const labels = this.#labels;
    const serviceLabels = this.#serviceLabels;
    return { settings: { namespace, location, labels, addLabels, serviceLabels, exportTo, subjectAltNames } };
  }
}

/** `source`, `service` and what the registry calls the service by are those of the first origin in order of precedence. */
function attributesOf({ host, metadata, origins }: CatalogService): Attributes {
  return (name) => {
    if (name === 'host') return host;
    if (name === 'source') return origins[0]?.source;
    if (name === 'service') return origins[0]?.service;
    if (name.startsWith('attributes.')) return lookUp(origins[0]?.attributes, name.slice('attributes.'.length));
    return name.startsWith('metadata.') ? lookUp(metadata, name.slice('metadata.'.length)) : undefined;
  };
}

function lookUp(metadata: Metadata | undefined, key: string): string | undefined {
  return metadata !== undefined && Object.hasOwn(metadata, key) ? metadata[key] : undefined;
}

/** Attributes of {@link attributesOf}. */
export function isServiceAttribute(name: string): boolean {
  return ['host', 'source', 'service'].includes(name) || /^(?:metadata|attributes)\../.test(name);
}

/** Printable, without spaces: a DNS name, a URI as `spiffe://…`, an address. */
export function isSubjectAltName(text: string): boolean {
  return text.length <= 2048 && /^[\x21-\x7e]+$/.test(text);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
