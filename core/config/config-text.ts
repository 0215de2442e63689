import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { ConfigPath, ConfigProblem } from './config-error.js';
import { type PlaceholderSources, substitute } from './placeholder.js';

const maxDepth = 32;
/** After the first, the parser has mostly lost its way. */
const maxSyntaxErrors = 200;
/** Counted after aliases are followed: a small file can't grow into a large one. */
const maxNodes = 100_000;

/** A value whose placeholder could not be resolved; the problem is reported, and what follows from it is not. */
const unresolved = '';

interface Place {
  /** Offset of the key in a mapping, or of the entry of a list. */
  readonly key: number;
  readonly value: number;
}

/**
 * A configuration file as YAML 1.2: its plain value, with placeholders resolved, and where everything in it stands.
 * Never throws; what is wrong is in {@link problems}.
 */
export class ConfigText {
  readonly problems: ConfigProblem[] = [];
  /** What placeholders put in; must never be shown. */
  readonly secrets = new Set<string>();
  /** Whether the text could be read at all; without it `value` means nothing. */
  readonly isWellFormed: boolean;
  /** Mappings have no prototype. Undefined for an empty file. */
  readonly value: unknown;
  readonly #text: string;
  readonly #sources: PlaceholderSources;
  readonly #lines = new LineCounter();
  readonly #places = new Map<string, Place>();
  readonly #substituted = new Set<string>();
  readonly #failed = new Set<string>();
  /** Anchors seen so far: an alias means the last before it. */
  readonly #anchors = new Map<string, unknown>();
  #nodes = 0;
  #isTooLarge = false;

  constructor(text: string, sources: PlaceholderSources) {
    this.#text = text;
    this.#sources = sources;
    const document = this.#parse();
    this.isWellFormed = document !== undefined;
    this.value = document && this.#read(document.contents, [], 0);
  }

  /** Line and column, from 1, of the value at `path`, of its key, or of the nearest thing around it. */
  place(path: ConfigPath, part: 'key' | 'value' = 'value'): { line: number; column: number } {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(placeKey(path.slice(0, length)));
      if (place) return this.#lineAndColumn(length === path.length ? place[part] : place.value);
    }
    return { line: 1, column: 1 };
  }

  /** Whether the value at `path` has something in it that came from a placeholder. */
  isSubstituted(path: ConfigPath): boolean {
    return this.#substituted.has(placeKey(path));
  }

  /** Whether a placeholder at `path` could not be resolved. */
  isUnresolved(path: ConfigPath): boolean {
    return this.#failed.has(placeKey(path));
  }

  #parse(): { readonly contents: unknown } | undefined {
    try {
      const document = parseDocument(this.#text, {
        lineCounter: this.#lines,
        prettyErrors: false,
        schema: 'core',
        merge: false,
        strict: true,
        // Found in #readMap instead, in linear time and with the place of the first.
        uniqueKeys: false,
      });
      // A tag that is not known is but a warning to the parser; here it would be a setting without effect.
      for (const error of [...document.errors, ...document.warnings].slice(0, maxSyntaxErrors)) {
        this.#report([], this.#describeSyntax(error), error.pos[0]);
      }
      if (this.problems.length > 0) return undefined;
      return document;
    } catch (error) {
      this.#report([], error instanceof RangeError ? 'nested too deeply' : `not YAML: ${String(error)}`, 0);
      return undefined;
    }
  }

  #describeSyntax(error: YAMLError): string {
    const message = error.message.split('\n', 1)[0] ?? '';
    // Thousands of open brackets end the composer's stack, which it reports as it stands.
    if (message.includes('call stack')) return 'nested too deeply';
    const before = this.#text.slice(Math.max(0, error.pos[0] - 200), error.pos[0]);
    const line = before.slice(before.lastIndexOf('\n') + 1) + this.#text.slice(error.pos[0], error.pos[0] + 2);
    const isPlaceholderNear = line.includes('${');
    return isPlaceholderNear ? `${message}; a placeholder within { } or [ ] needs quotes` : message;
  }

  #read(node: unknown, path: ConfigPath, key: number): unknown {
    if (this.#isTooLarge) return undefined;
    const offset = offsetOf(node) ?? key;
    this.#places.set(placeKey(path), { key, value: offset });
    if (++this.#nodes > maxNodes || path.length > maxDepth) {
      this.#isTooLarge = true;
      const limit = path.length > maxDepth ? `nested more than ${maxDepth} deep` : `more than ${maxNodes} values`;
      this.#report(path, `${limit}, aliases included`, offset);
      return undefined;
    }
    const target = isAlias(node) ? this.#resolve(node, path, offset) : node;
    if (!isNode(target)) return target;
    // Before what is in it, so that a cycle of aliases ends at the depth above.
    if (!isAlias(target) && target.anchor) this.#anchors.set(target.anchor, target);
    if (isMap(target)) return this.#readMap(target, path);
    if (isSeq(target)) {
      return target.items.map((item, index) => this.#read(item, [...path, index], offsetOf(item) ?? offset));
    }
    return isScalar(target) ? this.#readScalar(target, path, offset) : undefined;
  }

  #resolve(alias: Alias, path: ConfigPath, offset: number): unknown {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      this.#failed.add(placeKey(path));
      this.#report(path, `no anchor &${alias.source} stands before this alias`, offset);
    }
    return target;
  }

  #readMap(map: YAMLMap, path: ConfigPath): unknown {
    const result = Object.create(null) as Record<string, unknown>;
    for (const { key: keyNode, value } of map.items) {
      const offset = offsetOf(keyNode) ?? offsetOf(map) ?? 0;
      if (!isScalar(keyNode) || keyNode.value === null) {
        this.#report(path, 'a key must be plain text', offset);
        continue;
      }
      const key = String(keyNode.value);
      const inner = [...path, key];
      if (key === '__proto__') {
        this.#report(inner, 'unknown key', offset);
      } else if (key in result) {
        this.#report(inner, `the key is already set on line ${this.place(inner, 'key').line}`, offset);
      } else {
        result[key] = this.#read(value, inner, offset);
      }
    }
    return result;
  }

  #readScalar(scalar: Scalar, path: ConfigPath, offset: number): unknown {
    if (typeof scalar.value !== 'string' || !scalar.value.includes('${')) return scalar.value;
    const { text, secrets, problems } = substitute(scalar.value, this.#sources);
    if (secrets.length > 0) this.#substituted.add(placeKey(path));
    for (const secret of secrets) this.secrets.add(secret);
    for (const { message, placeholder } of problems) {
      this.#failed.add(placeKey(path));
      this.#report(path, message, this.#offsetWithin(scalar, placeholder) ?? offset);
    }
    return problems.length > 0 ? unresolved : text;
  }

  /** Where `part` stands in the text of a scalar; undefined when escapes or folds hide it. */
  #offsetWithin(scalar: Scalar, part: string): number | undefined {
    const [start, end] = scalar.range ?? [0, 0];
    const index = this.#text.slice(start, end).indexOf(part);
    return index < 0 ? undefined : start + index;
  }

  #report(path: ConfigPath, message: string, offset: number): void {
    this.problems.push({ path, message, ...this.#lineAndColumn(offset) });
  }

  #lineAndColumn(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function offsetOf(node: unknown): number | undefined {
  if (!(isScalar(node) || isMap(node) || isSeq(node) || isAlias(node))) return undefined;
  // An empty value has no text of its own.
  if (isScalar(node) && node.value === null && node.source === '') return undefined;
  return node.range?.[0];
}

function placeKey(path: ConfigPath): string {
  return JSON.stringify(path);
}
