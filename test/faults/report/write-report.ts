import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { RunResult } from '../run/result.js';
import { bounds, convergence, latencies, verdicts } from './figures.js';
import { matrixTable } from './matrix-table.js';

const file = fileURLToPath(new URL('../../../docs/faults.md', import.meta.url));
const begin = '<!-- The rest is written by npm run test:faults -->';

/** Puts what the runs found into docs/faults.md, below the text that people write. */
export function writeReport(results: readonly RunResult[]): void {
  const text = readFileSync(file, 'utf8');
  const head = text.slice(0, text.indexOf(begin) + begin.length);
  writeFileSync(file, `${head}\n\n${report(results)}\n`);
}

export function report(results: readonly RunResult[]): string {
  const told = results.filter(({ trouble }) => trouble === undefined);
  const seeds = results.map(({ plan }) => plan.seed);
  const steps = told.flatMap(({ steps: done }) => done);
  const faults = steps.length + steps.filter(({ step }) => step.beside).length;
  const minutes = Math.round(results.reduce((sum, { durationMs }) => sum + durationMs, 0) / 60_000);
  const responses = results.reduce((sum, result) => sum + result.responses, 0);
  const broken = results.filter(({ violations }) => violations.length > 0).map(({ plan }) => plan.seed);
  const inconclusive = results.filter(({ trouble }) => trouble !== undefined).map(({ plan }) => plan.seed);
  return [
    '## The last run of each seed',
    '',
    `Seeds ${describeSeeds(seeds)}: ${told.length} runs, ${faults} faults, ${minutes} minutes of runs, ${responses} responses of Isthmus looked at.`,
    broken.length === 0 ? 'No invariant was broken.' : `Broken in seeds ${broken.join(', ')}.`,
    ...(inconclusive.length === 0
      ? []
      : [`Not counted, because the registries did not come to rest: seeds ${inconclusive.join(', ')}.`]),
    `On ${cpus().length} cores and ${(totalmem() / 1e9).toFixed(0)} GB with Node.js ${process.version}, which all servers and`,
    'clients shared with each other, and two runs at once; times are of a busy machine.',
    '',
    '### What ran, and what held',
    '',
    'How often each fault was put on what.',
    '',
    matrixTable(told),
    '',
    verdicts(results),
    '',
    '### I1: from the heal until everything is published as it is registered',
    '',
    'The time that the clients took to register again is in it.',
    '',
    convergence(told),
    '',
    '### I3 and I8: from a change in the registry until it is published',
    '',
    'On a way with no fault, alone and while another registry was under one.',
    '',
    latencies(told),
    '',
    '### I9: bounds',
    '',
    bounds(told),
  ].join('\n');
}

/** `1 to 50, 53`. */
function describeSeeds(seeds: readonly number[]): string {
  const ranges: { readonly first: number; last: number }[] = [];
  for (const seed of [...seeds].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range && seed === range.last + 1) range.last = seed;
    else ranges.push({ first: seed, last: seed });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`)).join(', ');
}
