import { Command, InvalidArgumentError } from 'commander';
import type { HistoryList } from '../../core/api/resources.js';
import type { HistoryEntry } from '../../core/history/entry.js';
import type { CliContext } from '../context.js';
import { entryView } from '../output/history-view.js';
import { parseTime, timeHint } from '../output/parse-time.js';
import { Printer } from '../output/printer.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';

interface HistoryOptions extends OutputOptions {
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
}

const defaultLimit = 1000;
const maxLimit = 100_000;
const pageSize = 1000;

export function historyCommand(context: CliContext): Command {
  const history = new Command('history')
    .summary('what changed in the catalog, when and why')
    .description('Shows what changed in the catalog, oldest first, and when the daemon started and stopped.')
    .argument('[host]', 'one host, or a pattern with *')
    .option('--since <time>', `from a time on: ${timeHint}; default: the last hour`, parseTime)
    .option('--until <time>', 'to a time; default: now', parseTime)
    .option('--limit <n>', 'entries at most', parseLimit, defaultLimit)
    .addOption(outputOption())
    .addHelpText('after', historyHelp)
    .action((host: string | undefined, options: HistoryOptions) =>
      askServer(context, options, async (client, signal) => {
        const { since, until, limit } = options;
        const items: HistoryEntry[] = [];
        let next: string | undefined;
        do {
          const page: HistoryList = await client.past<HistoryList>(
            '/api/v1/history',
            {
              host,
              from: since === undefined ? undefined : new Date(since).toISOString(),
              to: until === undefined ? undefined : new Date(until).toISOString(),
              limit: String(Math.min(pageSize, limit - items.length)),
              continue: next,
            },
            signal,
          );
          items.push(...page.items);
          next = page.continue;
        } while (next !== undefined && items.length < limit);
        new Printer(entryView, options.output, context).list(items, false);
        if (next !== undefined) {
          context.stderr.write(`There is more; narrow it with --since and --until, or raise --limit ${limit}.\n`);
        }
      }),
    );
  return withServerOptions(history);
}

function parseLimit(text: string): number {
  const limit = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(limit >= 1 && limit <= maxLimit)) {
    throw new InvalidArgumentError(`expected a whole number from 1 to ${maxLimit}`);
  }
  return limit;
}

const historyHelp = `
CAUSE is registry (a source published it), restored (read from disk at a start), guard or operator with the reason,
restart (found otherwise after a restart), or config (the same, with another configuration). In WHAT, + is an instance
that came, - one that went, ~ one that changed; -o json shows all of it.

Examples:
  isthmus history
  isthmus history orders.nacos --since -2h
  isthmus history 'orders.*' --since 14:00 --until 14:30 -o json`;
