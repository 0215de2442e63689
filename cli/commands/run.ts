import { Command } from 'commander';
import { readConfig } from '../config-file.js';
import type { CliContext } from '../context.js';
import { nextSteps } from '../next-steps.js';

export function runCommand(context: CliContext): Command {
  return new Command('run')
    .summary('run the daemon')
    .description(
      'Reads the configured registries, keeps the catalog and serves it, until it is told to stop (SIGINT, SIGTERM).\n' +
        'Without --config it runs with a registry over REST and serves on this machine alone.',
    )
    .option('-c, --config <file>', 'configuration file (YAML)')
    .addHelpText(
      'after',
      `
Examples:
  isthmus run                                  try it out
  isthmus run --config /etc/isthmus/isthmus.yaml`,
    )
    .action(async ({ config: file }: { config?: string }) => {
      const config = await readConfig(context, file);
      await context.runDaemon(config, {
        signal: context.signal,
        onStarted: (started) => context.stdout.write(nextSteps(started, config, file)),
      });
    });
}
