import { Command } from 'commander';
import type { DiffList } from '../../core/api/resources.js';
import type { MarkEntry } from '../../core/history/entry.js';
import type { HostDifference } from '../../core/history/history.js';
import type { CliContext } from '../context.js';
import { differenceView } from '../output/history-view.js';
import { parseTime, timeHint } from '../output/parse-time.js';
import { Printer } from '../output/printer.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';

interface DiffOptions extends OutputOptions {
  readonly from: number;
  readonly to?: number;
}

export function diffCommand(context: CliContext): Command {
  const diff = new Command('diff')
    .summary('what differs in the catalog between two moments')
    .description('Shows what differs in the catalog between two moments, host by host: the net of all that happened.')
    .argument('[host]', 'one host, or a pattern with *')
    .requiredOption('--from <time>', `the first moment: ${timeHint}`, parseTime)
    .option('--to <time>', 'the second; default: now', parseTime)
    .addOption(outputOption())
    .addHelpText('after', diffHelp)
    .action((host: string | undefined, options: DiffOptions) =>
      askServer(context, options, async (client, signal) => {
        const from = new Date(options.from).toISOString();
        const to = new Date(options.to ?? Date.now()).toISOString();
        const items: HostDifference[] = [];
        let marks: readonly MarkEntry[] = [];
        let next: string | undefined;
        do {
          const page: DiffList = await client.past<DiffList>(
            '/api/v1/diff',
            { host, from, to, limit: '1000', continue: next },
            signal,
          );
          items.push(...page.items);
          marks = page.marks;
          next = page.continue;
        } while (next !== undefined);
        new Printer(differenceView, options.output, context).list(items, false);
        if (marks.some(({ kind }) => kind === 'gap')) {
          context.stderr.write('Not all that happened in between was recorded; `isthmus history` shows the gaps.\n');
        }
      }),
    );
  return withServerOptions(diff);
}

const diffHelp = `
In WHAT, + is an instance that came, - one that went, ~ one that changed; -o json shows all of it, with what happened
in between.

Examples:
  isthmus diff --from 14:05
  isthmus diff 'orders.*' --from -2h --to -1h
  isthmus diff --from 2026-03-01T12:00:00Z -o json`;
