import { Command, Option } from 'commander';
import type { ConsumerList, RuleList } from '../../core/api/resources.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import type { CliContext } from '../context.js';
import { Printer } from '../output/printer.js';
import { consumerView, ruleView } from '../output/registry-views.js';
import type { View } from '../output/view.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';

type Options = OutputOptions & { readonly source?: string };

/** `isthmus get consumers`: who declares to call what. */
export function getConsumers(context: CliContext): Command {
  return listCommand(
    context,
    'consumers',
    consumerView,
    'who declares in the registries to call which service',
    async (client, signal) => client.list<ConsumerList>('/api/v1/consumers', signal),
  );
}

/** `isthmus get rules`: the registries' own rules, and what became of each. */
export function getRules(context: CliContext): Command {
  return listCommand(
    context,
    'rules',
    ruleView,
    "the registries' own rules for routing and configuring services, and their effect here",
    async (client, signal) => client.list<RuleList>('/api/v1/rules', signal),
  );
}

type List<Item> = { readonly items: readonly Item[]; readonly total: number };
type Ask<Item> = (client: Parameters<Parameters<typeof askServer>[2]>[0], signal: AbortSignal) => Promise<List<Item>>;

function listCommand<Item extends { readonly source: string; readonly service: string }>(
  context: CliContext,
  name: 'consumers' | 'rules',
  view: View<Item>,
  what: string,
  ask: Ask<Item>,
): Command {
  const command = new Command(name)
    .aliases([name.slice(0, -1)])
    .summary(what)
    .description(`Shows ${what}.`)
    .argument('[service]', "a service's name in the registry, or a pattern with *")
    .addOption(outputOption())
    .addOption(new Option('--source <name>', 'only of this source'))
    .addHelpText('after', `\nExamples:\n  isthmus get ${name}\n  isthmus get ${name} '*Orders*' -o wide`)
    .action((service: string | undefined, options: Options) =>
      askServer(context, options, async (client, signal) => {
        const { items, total } = await ask(client, signal);
        const shown = items.filter(
          (item) =>
            (service === undefined || matchesGlob(service, item.service)) &&
            (options.source === undefined || options.source === item.source),
        );
        new Printer(view, options.output, context).list(shown, false);
        if (total > items.length) context.stderr.write(`the first ${items.length} of ${total} were looked at\n`);
      }),
    );
  return withServerOptions(command);
}
