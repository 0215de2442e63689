import type { CliContext, Started } from '../../cli/context.js';
import { runProgram } from '../../cli/program.js';
import type { Config } from '../../core/config/config.js';
import type { ConfigPlugins } from '../../core/config/kinds.js';
import { plugins } from '../core/config/kinds.js';

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
  readonly outputClosed?: AbortSignal;
  readonly runDaemon?: (config: Config, signal: AbortSignal, onStarted: (started: Started) => void) => Promise<void>;
  readonly onOutput?: (text: string) => void;
  /** Default: those of the configuration tests. */
  readonly plugins?: ConfigPlugins;
}

/** Runs a command line within this process, with the kinds of the configuration tests. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  let stdout = '';
  let stderr = '';
  const context: CliContext = {
    env: options.env ?? {},
    stdout: {
      isTTY: options.isTTY ?? false,
      write: (text) => {
        stdout += text;
        options.onOutput?.(stdout);
      },
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    signal: options.signal ?? new AbortController().signal,
    outputClosed: options.outputClosed ?? new AbortController().signal,
    version: '1.2.3',
    loadPlugins: async () => options.plugins ?? plugins,
    runDaemon: async (config, { signal, onStarted }) =>
      options.runDaemon?.(config, signal, onStarted ?? (() => undefined)),
  };
  const code = await runProgram(args, context);
  return { code, stdout, stderr };
}
