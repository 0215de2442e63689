import { styleText } from 'node:util';
import { printable } from '../context.js';

/** A cell: text, and how it looks where colours are on. */
export type Cell = string | { readonly text: string; readonly style: 'green' | 'yellow' | 'red' | 'dim' };

const gap = '   ';
/** A cell wider than this takes only what it needs, not the whole column. */
const maxColumnWidth = 80;

/** Rows in aligned columns under a header, as kubectl prints them; rows may come later, one by one. */
export class Table {
  readonly #header: readonly string[];
  readonly #isColored: boolean;
  #widths: number[];
  #isStarted = false;

  constructor(header: readonly string[], isColored: boolean) {
    this.#header = header;
    this.#isColored = isColored;
    this.#widths = header.map((title) => title.length);
  }

  /** The lines of `rows`, after the header when they are the first. Columns only ever get wider. */
  render(rows: readonly (readonly Cell[])[]): string {
    const cells = rows.map((row) => row.map(toCell));
    this.#widths = this.#widths.map((width, column) =>
      cells.reduce((widest, row) => Math.max(widest, Math.min(row[column]?.text.length ?? 0, maxColumnWidth)), width),
    );
    const lines = cells.map((row) => this.#line(row));
    if (!this.#isStarted) lines.unshift(this.#line(this.#header.map(toCell)));
    this.#isStarted = true;
    return lines.map((line) => `${line}\n`).join('');
  }

  #line(cells: readonly StyledCell[]): string {
    const last = cells.length - 1;
    return cells
      .map(({ text, style }, column) => {
        const shown = style && this.#isColored ? styleText(style, text, { validateStream: false }) : text;
        return column === last ? shown : shown + ' '.repeat(Math.max(0, (this.#widths[column] ?? 0) - text.length));
      })
      .join(gap)
      .trimEnd();
  }
}

interface StyledCell {
  readonly text: string;
  readonly style?: 'green' | 'yellow' | 'red' | 'dim';
}

function toCell(cell: Cell): StyledCell {
  const { text, ...rest } = typeof cell === 'string' ? { text: cell } : cell;
  return { text: text === '' ? '-' : printable(text), ...rest };
}
