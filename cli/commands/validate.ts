import { Command } from 'commander';
import { readConfig } from '../config-file.js';
import type { CliContext } from '../context.js';

export function validateCommand(context: CliContext): Command {
  return new Command('validate')
    .summary('check a configuration file')
    .description(
      'Checks a configuration file, with its environment variables and secret files, and contacts nobody.\n' +
        'Prints every problem with its line and column, and exits with 2 when there is one.',
    )
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .addHelpText('after', '\nExamples:\n  isthmus validate --config isthmus.yaml')
    .action(async ({ config: file }: { config: string }) => {
      const { sources, sinks } = await readConfig(context, file);
      context.stdout.write(`${file} is valid: ${count(sources.length, 'source')}, ${count(sinks.length, 'sink')}\n`);
    });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
