import { Command } from 'commander';
import type { GuardList, GuardRelease } from '../../core/api/resources.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import type { ServerOptions } from '../api-client.js';
import { type CliContext, printable } from '../context.js';
import { formatAge } from '../output/duration.js';
import { holdView } from '../output/guard-view.js';
import { parseDuration } from '../output/parse-duration.js';
import { Printer } from '../output/printer.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';

export function guardCommand(context: CliContext): Command {
  return new Command('guard')
    .summary('what guards hold back, and your word on it')
    .addCommand(listCommand(context))
    .addCommand(releaseCommand(context))
    .addCommand(holdCommand(context));
}

function listCommand(context: CliContext): Command {
  const list = new Command('list')
    .alias('ls')
    .summary('what is held back, why, and until when')
    .description('Shows the losses that guards hold back, oldest first, and the orders to hold.')
    .argument('[source]', 'one source, or a pattern with *')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  isthmus guard list\n  isthmus guard list nacos-hz -o wide')
    .action((source: string | undefined, options: OutputOptions) =>
      askServer(context, options, async (client, signal) => {
        const { items, freezes } = await client.list<GuardList>('/api/v1/guards', signal);
        const matches = (entry: { readonly source: string }) =>
          source === undefined || matchesGlob(source, entry.source);
        new Printer(holdView, options.output, context).list(items.filter(matches), false);
        for (const { source: name, service, reason, untilMs } of freezes.filter(matches)) {
          const left = formatAge(untilMs - Date.now());
          context.stderr.write(`${name}: losses of ${printable(service)} are held for ${left}: ${printable(reason)}\n`);
        }
      }),
    );
  return withServerOptions(list);
}

function releaseCommand(context: CliContext): Command {
  const release = new Command('release')
    .summary('let through what is held back')
    .description(
      'Lets through what guards hold back, and ends orders to hold. What is gone in the registry is gone then.',
    )
    .argument('<source>', 'name of the source')
    .argument('[service]', "a service's name in the registry, or a pattern with *; default: all")
    .option('--by <who>', 'who says so, for the log and the history')
    .addHelpText(
      'after',
      "\nExamples:\n  isthmus guard release nacos-hz\n  isthmus guard release nacos-hz 'public@@*@@orders' --by anna",
    )
    .action((source: string, service: string | undefined, options: ServerOptions & { readonly by?: string }) =>
      askServer(context, options, async (client, signal) => {
        const { by } = options;
        const body = { source, ...(service === undefined ? {} : { service }), ...(by === undefined ? {} : { by }) };
        const { services, freezes } = await client.post<GuardRelease>('/api/v1/guards/release', body, signal);
        context.stdout.write(`released ${services} services and ${freezes} orders to hold\n`);
      }),
    );
  return withServerOptions(release);
}

function holdCommand(context: CliContext): Command {
  const hold = new Command('hold')
    .summary('let no loss through for a while')
    .description('Holds back every loss of a source or of some of its services, for as long as you say.')
    .argument('<source>', 'name of the source')
    .argument('[service]', "a service's name in the registry, or a pattern with *; default: all")
    .requiredOption('--for <duration>', 'how long, as 30m or 2h', parseDuration)
    .option('--reason <text>', 'why, for those who look at the list')
    .addHelpText('after', "\nExamples:\n  isthmus guard hold zk-hz --for 30m --reason 'ensemble is being moved'")
    .action(
      (
        source: string,
        service: string | undefined,
        options: ServerOptions & { readonly for: number; readonly reason?: string },
      ) =>
        askServer(context, options, async (client, signal) => {
          const { for: forMs, reason } = options;
          const extra = { ...(service === undefined ? {} : { service }), ...(reason === undefined ? {} : { reason }) };
          await client.post('/api/v1/guards/hold', { source, forMs, ...extra }, signal);
          context.stdout.write(`losses of ${printable(service ?? 'all services')} of ${printable(source)} are held\n`);
        }),
    );
  return withServerOptions(hold);
}
