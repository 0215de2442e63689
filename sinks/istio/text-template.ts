type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'placeholder'; readonly attribute: string; readonly label: boolean };

/** What a template may name: attributes by name; those that are missing or empty make it fail. */
export type Attributes = (name: string) => string | undefined;

const placeholder = /^\{([A-Za-z][A-Za-z0-9_./-]*)(\|label)?\}$/;
const maxLabelLength = 63;

/**
 * A text with attributes in it: `{name}` as it is, `{name|label}` as one DNS label (RFC 1123), what such a label does not
 * have becoming dashes: `{source}`, `team-{metadata.team|label}`.
 */
export class TextTemplate {
  readonly text: string;
  readonly #parts: readonly Part[];

  /** @throws SyntaxError that says what is wrong with `text` */
  constructor(text: string) {
    this.text = text;
    this.#parts = text.split(/(\{[^{}]*\})/).flatMap((token) => (token === '' ? [] : [parse(token)]));
  }

  /** The attributes that it names. */
  get attributes(): readonly string[] {
    return this.#parts.flatMap((part) => (part.kind === 'placeholder' ? [part.attribute] : []));
  }

  /** The text, or why there is none. */
  render(attributes: Attributes): { readonly text: string } | { readonly reason: string } {
    let text = '';
    for (const part of this.#parts) {
      if (part.kind === 'text') {
        text += part.text;
        continue;
      }
      const value = attributes(part.attribute) ?? '';
      const shown = part.label ? toLabel(value) : value;
      if (shown === '') return { reason: `the template ${this.text} needs ${part.attribute}` };
      text += shown;
    }
    return { text };
  }
}

function parse(token: string): Part {
  const match = placeholder.exec(token);
  if (match?.[1] !== undefined) return { kind: 'placeholder', attribute: match[1], label: match[2] !== undefined };
  if (/[{}]/.test(token)) throw new SyntaxError(`${token} is no placeholder; write {attribute} or {attribute|label}`);
  return { kind: 'text', text: token };
}

function toLabel(value: string): string {
  // No pattern that begins or ends with a repetition: registries hold whatever was put there.
  const words = value
    .slice(0, 1024)
    .toLowerCase()
    .split(/[^a-z0-9]/);
  return words
    .filter((word) => word !== '')
    .join('-')
    .slice(0, maxLabelLength)
    .replace(/-$/, '');
}
