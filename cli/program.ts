import { Command, CommanderError } from 'commander';
import { auditCommand } from './commands/audit.js';
import { clientsCommand } from './commands/clients.js';
import { configCommand } from './commands/config.js';
import { diffCommand } from './commands/diff.js';
import { explainCommand } from './commands/explain.js';
import { getCommand } from './commands/get.js';
import { guardCommand } from './commands/guard.js';
import { historyCommand } from './commands/history.js';
import { istioCommand } from './commands/istio.js';
import { planCommand } from './commands/plan.js';
import { quarantineCommand } from './commands/quarantine.js';
import { runCommand } from './commands/run.js';
import { validateCommand } from './commands/validate.js';
import { versionCommand } from './commands/version.js';
import { whyCommand } from './commands/why.js';
import { type CliContext, printable } from './context.js';
import { CliError, type ExitCode, exitCode, exitCodeHelp } from './exit-code.js';

/**
 * Runs the command line, without the name of the program in `args`. Never throws: what is wrong goes to standard error,
 * and the exit code tells scripts.
 */
export async function runProgram(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const program = createProgram(context);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode.ok;
  } catch (error) {
    // Commander has printed what it threw.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    const lines = (error instanceof Error ? error.message : String(error)).split('\n').map(printable);
    context.stderr.write(lines.map((line) => `error: ${line}\n`).join(''));
    return error instanceof CliError ? error.exitCode : exitCode.failure;
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command('isthmus')
    .description('Joins legacy service registries and a service mesh.')
    .version(`isthmus ${context.version}`, '-V, --version', 'print the version')
    .addHelpText(
      'after',
      `
Examples:
  isthmus run --config isthmus.yaml            run the daemon
  isthmus get sources                          how its registries do
  isthmus get services 'orders.*' --watch      follow services

${exitCodeHelp}`,
    );
  for (const command of [
    runCommand,
    validateCommand,
    planCommand,
    configCommand,
    getCommand,
    whyCommand,
    explainCommand,
    clientsCommand,
    guardCommand,
    auditCommand,
    quarantineCommand,
    historyCommand,
    diffCommand,
    istioCommand,
    versionCommand,
  ]) {
    program.addCommand(command(context));
  }
  applyToAll(program, context);
  return program;
}

/** Settings that commander hands on to no command that was made on its own. */
function applyToAll(command: Command, context: CliContext): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => write(text.split('\n').map(printable).join('\n')),
    })
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(--help shows the usage)')
    .allowExcessArguments(false);
  for (const inner of command.commands) applyToAll(inner, context);
}
