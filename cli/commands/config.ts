import { Command } from 'commander';
import { configJsonSchema } from '../../core/config/config-schema.js';
import type { CliContext } from '../context.js';

export function configCommand(context: CliContext): Command {
  const schema = new Command('schema')
    .summary('print the JSON Schema of the configuration')
    .description('Prints the JSON Schema (draft 2020-12) of the configuration file, with the keys of every kind.')
    .addHelpText(
      'after',
      `
Examples:
  isthmus config schema > isthmus.schema.json
  and in the first line of the configuration, for editors that know YAML:
  # yaml-language-server: $schema=isthmus.schema.json`,
    )
    .action(async () => {
      context.stdout.write(`${JSON.stringify(configJsonSchema(await context.loadPlugins()), undefined, 2)}\n`);
    });
  return new Command('config').summary('about the configuration').addCommand(schema);
}
