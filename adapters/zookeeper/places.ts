/** What stands below the node of an interface. */
export const categories = ['providers', 'configurators', 'routers', 'consumers'] as const;
export type Category = (typeof categories)[number];

/** What a node of the tree is, as far as it is read. Names are as they stand in paths. */
export type Place =
  /** Its children are interfaces. */
  | { readonly kind: 'root'; readonly root: number }
  /** `category` undefined: the interface's own node. */
  | {
      readonly kind: 'interface';
      readonly root: number;
      readonly name: string;
      readonly category: Category | undefined;
      /** The child of the category's node. */
      readonly child: string | undefined;
    }
  /** Its children are applications. */
  | { readonly kind: 'applications' }
  | { readonly kind: 'application'; readonly name: string; readonly child: string | undefined }
  /** Its children are rules of the config centre, by their data ids. */
  | { readonly kind: 'rules' }
  | { readonly kind: 'rule'; readonly name: string }
  /** Its children are interfaces, whose data name the applications that provide them. */
  | { readonly kind: 'mappings'; readonly root: number }
  | { readonly kind: 'mapping'; readonly root: number; readonly name: string };

export interface PlacesOptions {
  /** Node below which everything else stands; '' for the top. */
  readonly chroot: string;
  readonly roots: readonly string[];
  /** undefined when it is not read. */
  readonly servicesRoot: string | undefined;
  readonly configRoot: string | undefined;
  /** Whether the mappings below the roots are read. */
  readonly withMappings: boolean;
}

/** Dubbo's group of rules in the config centre (org.apache.dubbo.common.config.configcenter.DynamicConfiguration). */
const ruleGroup = 'dubbo';
/** Dubbo's group of mappings (org.apache.dubbo.metadata.ServiceNameMapping). */
const mappingGroup = 'mapping';
/** Below a root, and no interfaces. */
const reserved: ReadonlySet<string> = new Set(['metadata', mappingGroup, 'config']);
const categoryNames: ReadonlySet<string> = new Set(categories);

/**
 * Places in a Dubbo registry's tree: `<root>/<interface>/providers/<URL>`, `<root>/metadata/<application>/<revision>`,
 * `<root>/mapping/<interface>`, `<servicesRoot>/<application>/<instance>`, `<configRoot>/dubbo/<data id>`.
 */
export class Places {
  readonly roots: readonly string[];
  readonly servicesRoot: string | undefined;
  /** The node whose children are the config centre's rules. */
  readonly rulesRoot: string | undefined;
  readonly #withMappings: boolean;

  constructor({ chroot, roots, servicesRoot, configRoot, withMappings }: PlacesOptions) {
    this.#withMappings = withMappings;
    this.roots = roots.map((root) => chroot + root);
    this.servicesRoot = servicesRoot === undefined ? undefined : chroot + servicesRoot;
    this.rulesRoot = configRoot === undefined ? undefined : `${chroot}${configRoot}/${ruleGroup}`;
  }

  /** The nodes to watch with all below them; none lies below another. */
  get watched(): string[] {
    const all = [...this.roots, this.servicesRoot, this.rulesRoot].filter((path) => path !== undefined);
    return all.filter((path, index) => {
      const isCovered = (other: string, at: number) => path.startsWith(`${other}/`) || (path === other && at < index);
      return !all.some(isCovered);
    });
  }

  static isReserved(name: string): boolean {
    return reserved.has(name);
  }

  interface(root: number, name: string): string {
    return `${this.roots[root]}/${name}`;
  }

  category(root: number, name: string, category: Category): string {
    return `${this.roots[root]}/${name}/${category}`;
  }

  application(name: string): string {
    return `${this.servicesRoot}/${name}`;
  }

  rule(name: string): string {
    return `${this.rulesRoot}/${name}`;
  }

  mappings(root: number): string {
    return `${this.roots[root]}/${mappingGroup}`;
  }

  mapping(root: number, name: string): string {
    return `${this.mappings(root)}/${name}`;
  }

  /** Where the metadata reports of a revision may stand, the likeliest first. */
  reports(application: string, revision: string): string[] {
    return this.roots.map((root) => `${root}/metadata/${application}/${revision}`);
  }

  /** What the node at `path` is; undefined for the many that are not read. */
  locate(path: string): Place | undefined {
    // Before the roots: below one of which they often stand.
    const rule = below(path, this.rulesRoot);
    if (rule !== undefined) return rule === '' ? { kind: 'rules' } : { kind: 'rule', name: rule };
    const instance = below(path, this.servicesRoot);
    if (instance !== undefined) {
      if (instance === '') return { kind: 'applications' };
      const [name, child] = cut(instance);
      return { kind: 'application', name, child };
    }
    for (const [root, base] of this.roots.entries()) {
      const rest = below(path, base);
      if (rest === undefined) continue;
      if (rest === '') return { kind: 'root', root };
      const mapping = below(rest, mappingGroup);
      if (mapping !== undefined) return this.#withMappings ? locateMapping(root, mapping) : undefined;
      return locateInterface(root, rest);
    }
    return undefined;
  }
}

function locateMapping(root: number, name: string): Place | undefined {
  if (name === '') return { kind: 'mappings', root };
  return name.includes('/') ? undefined : { kind: 'mapping', root, name };
}

function locateInterface(root: number, path: string): Place | undefined {
  const [name, rest] = cut(path);
  if (reserved.has(name)) return undefined;
  if (rest === undefined) return { kind: 'interface', root, name, category: undefined, child: undefined };
  const [category, child] = cut(rest);
  if (!isCategory(category)) return undefined;
  return { kind: 'interface', root, name, category, child };
}

function isCategory(name: string): name is Category {
  return categoryNames.has(name);
}

/** `path` without `base` and the slash; '' for `base` itself, undefined when it is not below it. */
function below(path: string, base: string | undefined): string | undefined {
  if (base === undefined || !path.startsWith(base)) return undefined;
  if (path.length === base.length) return '';
  return path.charCodeAt(base.length) === slash ? path.slice(base.length + 1) : undefined;
}

function cut(path: string): [first: string, rest: string | undefined] {
  const end = path.indexOf('/');
  return end < 0 ? [path, undefined] : [path.slice(0, end), path.slice(end + 1)];
}

const slash = 0x2f;
