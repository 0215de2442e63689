import type { Metadata } from '../model/index.js';

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'placeholder'; readonly attribute: string; readonly label: boolean }
  | { readonly kind: 'optional'; readonly parts: readonly Part[] };

const placeholderPattern = /^([A-Za-z][A-Za-z0-9_.-]*)(?:\|(label))?$/;
const maxHostLength = 253;
const maxLabelLength = 63;

/**
 * How a mesh host is made of a service's attributes. `{name}` puts in an attribute (dots separate labels), `{name|label}`
 * puts it in as one label (dots become dashes), and a part in `[brackets]` is dropped when an attribute in it is empty:
 * `[{group|label}.]{interface}.dubbo`.
 */
export class HostTemplate {
  readonly text: string;
  readonly #parts: readonly Part[];

  /** Throws a `SyntaxError` that says what is wrong with `text`. */
  constructor(text: string) {
    this.text = text;
    this.#parts = parse(text);
  }

  /** The attributes that the template names. */
  get attributes(): readonly string[] {
    const names = (parts: readonly Part[]): string[] =>
      parts.flatMap((part) =>
        part.kind === 'placeholder' ? [part.attribute] : part.kind === 'optional' ? names(part.parts) : [],
      );
    return [...new Set(names(this.#parts))];
  }

  /**
   * A lower-case DNS name (RFC 1123), or a reason why none can be made. Characters that DNS does not have become
   * dashes, so two services may meet in one host: the catalog notices and keeps them apart.
   */
  render(attributes: Metadata): { readonly host: string } | { readonly reason: string } {
    const missing: string[] = [];
    const raw = renderParts(this.#parts, attributes, missing);
    if (missing.length > 0) return { reason: `the naming template ${this.text} needs ${missing.join(', ')}` };
    const labels = raw
      .split('.')
      .map(toLabel)
      .filter((label) => label !== '');
    const host = labels.join('.');
    if (host === '') return { reason: `the naming template ${this.text} gives no DNS name` };
    if (labels.some((label) => label.length > maxLabelLength)) {
      return { reason: `a label of the host is longer than ${maxLabelLength} characters` };
    }
    if (host.length > maxHostLength) return { reason: `the host is longer than ${maxHostLength} characters` };
    return { host };
  }
}

function toLabel(text: string): string {
  const label = text.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  // By hand: /-+$/ takes quadratic time on a name of many dashes, and registries hold whatever was put there.
  let start = 0;
  let end = label.length;
  while (start < end && label[start] === '-') start++;
  while (end > start && label[end - 1] === '-') end--;
  return label.slice(start, end);
}

function renderParts(parts: readonly Part[], attributes: Metadata, missing: string[]): string {
  let text = '';
  for (const part of parts) {
    switch (part.kind) {
      case 'text':
        text += part.text;
        break;
      case 'placeholder': {
        const value = Object.hasOwn(attributes, part.attribute) ? (attributes[part.attribute] ?? '') : '';
        if (!/[a-z0-9]/i.test(value)) missing.push(part.attribute);
        text += part.label ? value.replaceAll('.', '-') : value;
        break;
      }
      case 'optional': {
        const absent: string[] = [];
        const inner = renderParts(part.parts, attributes, absent);
        if (absent.length === 0) text += inner;
        break;
      }
    }
  }
  return text;
}

function parse(text: string): readonly Part[] {
  const root: Part[] = [];
  let optional: Part[] | undefined;
  for (const token of text.split(/(\{[^{}]*\}|\[|\])/)) {
    if (token === '') continue;
    if (token === '[') {
      if (optional) throw new SyntaxError('brackets do not nest');
      optional = [];
    } else if (token === ']') {
      if (!optional) throw new SyntaxError('] without [');
      if (!optional.some((part) => part.kind === 'placeholder')) {
        throw new SyntaxError('a part in brackets needs a {placeholder}');
      }
      root.push({ kind: 'optional', parts: optional });
      optional = undefined;
    } else {
      (optional ?? root).push(parseToken(token));
    }
  }
  if (optional) throw new SyntaxError('[ without ]');
  if (root.length === 0) throw new SyntaxError('empty');
  return root;
}

function parseToken(token: string): Part {
  if (token.startsWith('{')) {
    if (!token.endsWith('}')) throw new SyntaxError('{ without }');
    const match = placeholderPattern.exec(token.slice(1, -1));
    if (!match?.[1]) throw new SyntaxError(`${token} is no placeholder; write {attribute} or {attribute|label}`);
    return { kind: 'placeholder', attribute: match[1], label: match[2] !== undefined };
  }
  if (/[^A-Za-z0-9.-]/.test(token)) {
    throw new SyntaxError(`"${token}" has a character that is not allowed; letters, digits, dots and dashes are`);
  }
  return { kind: 'text', text: token };
}
