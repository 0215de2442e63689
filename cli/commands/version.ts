import { Command } from 'commander';
import type { CliContext } from '../context.js';

export function versionCommand(context: CliContext): Command {
  return new Command('version')
    .summary('print the version')
    .addHelpText('after', '\nExamples:\n  isthmus version')
    .action(() => {
      context.stdout.write(`isthmus ${context.version}\n`);
    });
}
