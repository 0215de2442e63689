import { Command, Option } from 'commander';
import type { ClientList, ClientResource } from '../../core/api/resources.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import type { CliContext } from '../context.js';
import { clientView } from '../output/client-view.js';
import { Printer } from '../output/printer.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';

/** `isthmus clients`: who reads the mesh's side, and how far behind each is. */
export function clientsCommand(context: CliContext): Command {
  const clients = new Command('clients')
    .summary('who is connected to the sinks, and what they have confirmed')
    .description(
      'Shows the clients of the sinks, as istiods: since when each is connected, which version it has confirmed last, and\n' +
        'how long there has been something newer.',
    )
    .argument('[client]', "a client's node or address, or a pattern with *")
    .addOption(outputOption())
    .addOption(new Option('--sink <name>', 'only of this sink'))
    .addHelpText(
      'after',
      "\nExamples:\n  isthmus clients\n  isthmus clients '*istiod-canary*' -o wide\n  isthmus clients --sink mcp -o json",
    )
    .action((client: string | undefined, options: OutputOptions & { readonly sink?: string }) =>
      askServer(context, options, async (api, signal) => {
        const { items, total } = await api.list<ClientList>('/api/v1/clients', signal);
        const isMeant = ({ sink, node, peer }: ClientResource) =>
          (options.sink === undefined || options.sink === sink) &&
          (client === undefined || matchesGlob(client, node) || matchesGlob(client, peer));
        new Printer(clientView, options.output, context).list(items.filter(isMeant), false);
        if (total > items.length) context.stderr.write(`the first ${items.length} of ${total} were looked at\n`);
      }),
    );
  return withServerOptions(clients);
}
