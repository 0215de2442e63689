/** Places in a Dubbo registry's tree: `<root>/<interface>/providers/<URL>`. */
export class RegistryPaths {
  readonly root: string;
  readonly #prefix: string;

  /** @param root absolute, without a trailing slash; `/` for the top */
  constructor(root: string) {
    this.root = root;
    this.#prefix = root === '/' ? '/' : `${root}/`;
  }

  interface(name: string): string {
    return this.#prefix + name;
  }

  providers(name: string): string {
    return `${this.#prefix}${name}/providers`;
  }

  /**
   * The interface whose providers an event at `path` concerns; undefined for the many others, as those of consumers,
   * rules and metadata.
   */
  interfaceOf(path: string): string | undefined {
    if (!path.startsWith(this.#prefix) || path.length === this.#prefix.length) return undefined;
    const end = path.indexOf('/', this.#prefix.length);
    if (end < 0) return path.slice(this.#prefix.length);
    if (!path.startsWith('/providers', end)) return undefined;
    const after = end + '/providers'.length;
    return path.length === after || path.charCodeAt(after) === slash ? path.slice(this.#prefix.length, end) : undefined;
  }
}

const slash = 0x2f;
