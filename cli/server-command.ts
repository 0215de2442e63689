import { type Command, Option } from 'commander';
import { ApiClient, defaultServer, type ServerOptions } from './api-client.js';
import type { CliContext } from './context.js';
import { CliError, exitCode } from './exit-code.js';
import { type OutputFormat, outputFormats } from './output/printer.js';

export interface OutputOptions extends ServerOptions {
  readonly output: OutputFormat;
}

/** Gives a command the options that name the daemon to ask. */
export function withServerOptions(command: Command): Command {
  return command
    .option('-s, --server <url>', `address of the daemon's API (env ISTHMUS_SERVER, else ${defaultServer})`)
    .option('--token-file <file>', "file with the API's token (else env ISTHMUS_TOKEN)");
}

/** The option that says how a list is printed. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table');
}

/** Asks a daemon, until the user or a closed output ends it; lets go of the connection in the end. */
export async function askServer(
  context: CliContext,
  options: ServerOptions,
  ask: (client: ApiClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const client = new ApiClient(context, options);
  const signal = AbortSignal.any([context.signal, context.outputClosed]);
  try {
    await ask(client, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (context.signal.aborted) throw new CliError(exitCode.failure, 'interrupted');
  } finally {
    await client.close();
  }
}
