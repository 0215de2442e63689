import { Command, InvalidArgumentError } from 'commander';
import type { QuarantineAdded, QuarantineList, QuarantineRemoved } from '../../core/api/resources.js';
import type { ServerOptions } from '../api-client.js';
import { type CliContext, printable } from '../context.js';
import { parseDuration } from '../output/parse-duration.js';
import { Printer } from '../output/printer.js';
import { quarantineView } from '../output/quarantine-view.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';

interface AddOptions extends ServerOptions {
  readonly source?: string;
  readonly service?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly for?: number;
  readonly reason: string;
  readonly dryRun?: boolean;
}

const shownInstances = 20;

export function quarantineCommand(context: CliContext): Command {
  return new Command('quarantine')
    .summary('keep instances out of traffic, for as long as you say')
    .addCommand(listCommand(context))
    .addCommand(addCommand(context))
    .addCommand(removeCommand(context));
}

function listCommand(context: CliContext): Command {
  const list = new Command('list')
    .alias('ls')
    .summary('what is quarantined, and until when')
    .addOption(outputOption())
    .action((options: OutputOptions) =>
      askServer(context, options, async (client, signal) => {
        const { items } = await client.list<QuarantineList>('/api/v1/quarantine', signal);
        new Printer(quarantineView, options.output, context).list(items, false);
      }),
    );
  return withServerOptions(list);
}

function addCommand(context: CliContext): Command {
  const add = new Command('add')
    .summary('take instances out of traffic')
    .argument('[address]', 'IP address, CIDR block, or DNS name with *')
    .option('--label <key=glob>', "the instance's metadata has to match; may be given again", addLabel)
    .option('--source <glob>', 'only of these sources')
    .option('--service <glob>', "only of these services, by the registry's name")
    .option('--for <duration>', 'how long, as 30m or 2h; default: until it is removed', parseDuration)
    .requiredOption('--reason <text>', 'why, for those who look at the list')
    .option('--dry-run', 'only say which instances that would be')
    .addHelpText(
      'after',
      `
Examples:
  isthmus quarantine add 10.1.2.3 --for 2h --reason 'bad disk'
  isthmus quarantine add 10.1.0.0/16 --source 'nacos-*' --reason 'rack is moved' --dry-run
  isthmus quarantine add --label version=1.4.2 --service '*@@orders' --reason 'broken build'`,
    )
    .action((address: string | undefined, options: AddOptions) =>
      askServer(context, options, async (client, signal) => {
        const { source, service, label: labels, for: forMs, reason, dryRun } = options;
        const given = Object.entries({ address, source, service, labels, forMs, reason, dryRun });
        const body = Object.fromEntries(given.filter(([, value]) => value !== undefined));
        const added = await client.post<QuarantineAdded>('/api/v1/quarantine', body, signal);
        tell(context, added, dryRun === true);
      }),
    );
  return withServerOptions(add);
}

function removeCommand(context: CliContext): Command {
  const remove = new Command('remove')
    .alias('rm')
    .summary('give instances their traffic back')
    .argument('<id>', 'of the list')
    .action((id: string, options: ServerOptions) =>
      askServer(context, options, async (client, signal) => {
        const { kept } = await client.delete<QuarantineRemoved>(`/api/v1/quarantine/${encodeURIComponent(id)}`, signal);
        context.stdout.write(`quarantine ${printable(id)} is over\n`);
        if (!kept) context.stderr.write('it could not be written to disk: a restart brings it back\n');
      }),
    );
  return withServerOptions(remove);
}

function tell(context: CliContext, { entry, kept, matches, instances }: QuarantineAdded, isDryRun: boolean): void {
  const verb = isDryRun ? 'would be' : 'are';
  const id = isDryRun ? '' : `${entry.id}: `;
  context.stdout.write(`${id}${matches} instances ${verb} out of traffic\n`);
  for (const { source, service, instance } of instances.slice(0, shownInstances)) {
    context.stdout.write(`  ${printable(`${source} ${service} ${instance}`)}\n`);
  }
  if (matches > shownInstances) context.stdout.write(`  … ${matches - shownInstances} more\n`);
  if (!isDryRun && !kept) context.stderr.write('it could not be written to disk: a restart forgets it\n');
}

function addLabel(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=GLOB, as version=1.4.*');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
