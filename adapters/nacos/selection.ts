import { z } from 'zod';
import { matchesGlob } from '../../core/plugin/index.js';

/** Names to read and names to leave out, each a literal name or a glob. */
export interface Selection {
  /** Undefined for all. */
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[];
}

/**
 * A key of the configuration that selects by name: a list of what to read, or `{ include, exclude }`. In both, `*`
 * stands for any characters.
 */
export function selectionSchema(maxLength: number) {
  const names = () => z.array(z.string().min(1).max(maxLength)).min(1).max(1000);
  return z.union([
    names(),
    z.strictObject({
      include: names().optional().describe('What to read. Default: all.'),
      exclude: names().optional().describe('What to leave out. Default: nothing.'),
    }),
  ]);
}

export type SelectionInput = z.output<ReturnType<typeof selectionSchema>>;

export function toSelection(input: SelectionInput | undefined): Selection {
  if (input === undefined) return { include: undefined, exclude: [] };
  if (Array.isArray(input)) return { include: input, exclude: [] };
  return { include: input.include, exclude: input.exclude ?? [] };
}

/** Whether something is selected that goes by any of `names`, as the id and the title of a namespace. */
export function selects({ include, exclude }: Selection, ...names: readonly string[]): boolean {
  const matched = (globs: readonly string[]) => globs.some((glob) => names.some((name) => matchesGlob(glob, name)));
  return (include === undefined || matched(include)) && !matched(exclude);
}

/** What is selected, when that is known without a look at what there is; undefined when a pattern needs it. */
export function literalNames(selection: Selection): readonly string[] | undefined {
  if (selection.include === undefined || selection.include.some((name) => name.includes('*'))) return undefined;
  return [...new Set(selection.include)].filter((name) => selects(selection, name));
}

export function selectsAll({ include, exclude }: Selection): boolean {
  return include === undefined && exclude.length === 0;
}
