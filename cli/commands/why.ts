import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import type { WhyReport } from '../../core/operate/why-report.js';
import type { ServerOptions } from '../api-client.js';
import type { CliContext } from '../context.js';
import { whyText } from '../output/why-text.js';
import { askServer, withServerOptions } from '../server-command.js';

/** Registries are asked for their records, with a deadline of their own. */
const whyTimeoutMs = 30_000;

export function whyCommand(context: CliContext): Command {
  const why = new Command('why')
    .summary('why an endpoint or a host is as it is')
    .description(
      "Shows the whole chain of an endpoint: the registry's record, what the adapter made of it, what guards and shaping did,\n" +
        'which host it became, who won the merge, what each sink serves, and what its clients have confirmed.',
    )
    .argument('<target>', 'a host of the catalog, or an address: IP, IP:PORT, [IPv6]:PORT, NAME:PORT')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json', 'yaml']).default('text'))
    .addHelpText(
      'after',
      '\nExamples:\n  isthmus why orders.nacos\n  isthmus why 10.0.0.1:8080\n  isthmus why 10.0.0.1 -o json',
    )
    .action((target: string, options: ServerOptions & { readonly output: 'text' | 'json' | 'yaml' }) =>
      askServer(context, options, async (client, signal) => {
        const path = `/api/v1/why?${new URLSearchParams({ target })}`;
        const report = await client.get<WhyReport>(path, signal, whyTimeoutMs);
        if (options.output === 'json') context.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
        else if (options.output === 'yaml') context.stdout.write(stringify(report, { lineWidth: 0 }));
        else context.stdout.write(whyText(report, Date.now()));
      }),
    );
  return withServerOptions(why);
}
