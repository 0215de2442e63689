import { stringify } from 'yaml';
import { type CliContext, printable } from '../context.js';
import { Table } from './table.js';
import type { View } from './view.js';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Prints resources in one of the formats, all at once or as they change. */
export class Printer<Item> {
  readonly #view: View<Item>;
  readonly #format: OutputFormat;
  readonly #context: CliContext;
  readonly #table: Table;

  constructor(view: View<Item>, format: OutputFormat, context: CliContext) {
    this.#view = view;
    this.#format = format;
    this.#context = context;
    const columns = format === 'wide' ? [...view.columns, ...view.wideColumns] : view.columns;
    this.#table = new Table(columns, context.stdout.isTTY === true && !context.env['NO_COLOR']);
  }

  /** A whole list; `single` prints the only one as itself rather than as a list of one. */
  list(items: readonly Item[], single: boolean): void {
    const value = single && items.length === 1 ? items[0] : { items };
    if (this.#format === 'json') this.#write(`${JSON.stringify(value, undefined, 2)}\n`);
    else if (this.#format === 'yaml') this.#write(toYaml(value));
    else if (this.#format === 'name') this.#write(items.map((item) => `${this.#nameOf(item)}\n`).join(''));
    else if (items.length > 0) this.#write(this.#rows(items));
    else this.#context.stderr.write(`No ${this.#view.plural} found.\n`);
  }

  /** What came or changed: a row each, or a document each. */
  changed(items: readonly Item[]): void {
    if (items.length === 0) return;
    if (this.#isTabular()) this.#write(this.#rows(items));
    else for (const item of items) this.#write(this.#event({ type: 'upsert', item }, this.#nameOf(item)));
  }

  /** What is gone: a row that says so, or a document each. */
  removed(items: readonly Item[]): void {
    if (items.length === 0) return;
    if (this.#isTabular()) {
      const rows = items.map((item) => [this.#view.name(item), { text: 'removed', style: 'red' } as const]);
      this.#write(this.#table.render(rows));
      return;
    }
    for (const item of items) {
      const name = this.#view.name(item);
      this.#write(this.#event({ type: 'remove', name }, `${this.#nameOf(item)} removed`));
    }
  }

  #isTabular(): boolean {
    return this.#format === 'table' || this.#format === 'wide';
  }

  #event(value: object, name: string): string {
    if (this.#format === 'json') return `${JSON.stringify(value)}\n`;
    return this.#format === 'yaml' ? `---\n${toYaml(value)}` : `${name}\n`;
  }

  #nameOf(item: Item): string {
    return printable(this.#view.name(item));
  }

  #rows(items: readonly Item[]): string {
    const nowMs = Date.now();
    const isWide = this.#format === 'wide';
    return this.#table.render(
      items.map((item) => [...this.#view.row(item, nowMs), ...(isWide ? this.#view.wideRow(item) : [])]),
    );
  }

  #write(text: string): void {
    this.#context.stdout.write(text);
  }
}

function toYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}
