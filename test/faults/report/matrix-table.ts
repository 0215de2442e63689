import { matrix } from '../matrix/index.js';
import type { Step } from '../plan/plan.js';
import { registryKinds } from '../registries/registry.js';
import type { RunResult } from '../run/result.js';
import { table } from './markdown.js';

interface Cell {
  runs: number;
  broken: number;
}

const columns = [...registryKinds, 'isthmus'] as const;

/** Each fault by what it was put on: how often it was run, and in how many of them an invariant did not hold. */
export function matrixTable(results: readonly RunResult[]): string {
  const cells = countCells(results);
  const rows = matrix.map(({ id, title, invariants, on, kinds }) => [
    `${title} (\`${id}\`)`,
    invariants,
    ...columns.map((column) => {
      const isPossible = column === 'isthmus' ? on === 'isthmus' : on === 'registry' && kinds.includes(column);
      return isPossible ? describeCell(cells.get(`${id} ${column}`)) : '-';
    }),
  ]);
  return table(['fault', 'there to break', ...columns], rows);
}

function describeCell(cell: Cell | undefined): string {
  if (!cell) return '0';
  return cell.broken === 0 ? `${cell.runs}` : `${cell.runs}, **${cell.broken} broken**`;
}

function countCells(results: readonly RunResult[]): ReadonlyMap<string, Cell> {
  const cells = new Map<string, Cell>();
  const count = ({ fault, target }: Omit<Step, 'beside'>, isBroken: boolean) => {
    const cell = cells.get(`${fault} ${target}`) ?? { runs: 0, broken: 0 };
    cells.set(`${fault} ${target}`, { runs: cell.runs + 1, broken: cell.broken + (isBroken ? 1 : 0) });
  };
  for (const { step, violations } of results.flatMap(({ steps }) => steps)) {
    count(step, violations.length > 0);
    if (step.beside) count(step.beside, violations.length > 0);
  }
  return cells;
}
