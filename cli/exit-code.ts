/** What the exit codes of all commands mean; docs/cli.md has the same table. */
export const exitCode = {
  ok: 0,
  /** Something failed: a port is taken, the server answered with an error. */
  failure: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** The server could not be reached, or was lost. */
  unreachable: 3,
  /** There is nothing of that name. */
  notFound: 4,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

export const exitCodeHelp = `Exit codes:
  0  ok
  1  failure, as a port that is taken or an error the server answered with
  2  wrong usage or configuration
  3  the server could not be reached
  4  nothing of that name`;

/** Ends a command: the message, with what to do about it, goes to standard error. */
export class CliError extends Error {
  override readonly name = 'CliError';

  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message);
  }
}
