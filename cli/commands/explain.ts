import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import type { WhyReport } from '../../core/operate/why-report.js';
import type { ServerOptions } from '../api-client.js';
import type { CliContext } from '../context.js';
import { CliError, exitCode } from '../exit-code.js';
import { explainText, explanationsOf } from '../output/explain-text.js';
import { askServer, withServerOptions } from '../server-command.js';

/** Registries are asked for their records, with a deadline of their own. */
const whyTimeoutMs = 30_000;

/** `isthmus explain`: what each sink makes of a host. */
export function explainCommand(context: CliContext): Command {
  const explain = new Command('explain')
    .summary('what each sink makes of a host, and what it refuses')
    .description(
      'Shows what each sink serves of a host of the catalog, why its newest state is not served when it is not, which parts\n' +
        'are left out, and which client has what. `isthmus why` shows how the host came to be.',
    )
    .argument('<host>', 'a host of the catalog')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json', 'yaml']).default('text'))
    .addHelpText('after', '\nExamples:\n  isthmus explain orders.nacos\n  isthmus explain orders.nacos -o json')
    .action((host: string, options: ServerOptions & { readonly output: 'text' | 'json' | 'yaml' }) =>
      askServer(context, options, async (client, signal) => {
        const path = `/api/v1/why?${new URLSearchParams({ target: host })}`;
        const items = explanationsOf(await client.get<WhyReport>(path, signal, whyTimeoutMs));
        if (items.length === 0)
          throw new CliError(exitCode.notFound, 'the service has no host; `isthmus why` tells more');
        if (options.output === 'json') context.stdout.write(`${JSON.stringify({ items }, undefined, 2)}\n`);
        else if (options.output === 'yaml') context.stdout.write(stringify({ items }, { lineWidth: 0 }));
        else context.stdout.write(explainText(items));
      }),
    );
  return withServerOptions(explain);
}
