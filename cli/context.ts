import type { Config } from '../core/config/config.js';
import type { ConfigPlugins } from '../core/config/kinds.js';

/** Where a command writes; `isTTY` decides about colours. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** What the daemon tells when all that listens does. */
export interface Started {
  /** `HOST:PORT` of the API. */
  readonly api: string;
  readonly sinks: readonly { readonly name: string; readonly kind: string; readonly listening: string }[];
}

/** The world as the commands see it; tests put their own in its place. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts when the user or the system ends the command. */
  readonly signal: AbortSignal;
  /** Aborts when nobody reads standard output any more. */
  readonly outputClosed: AbortSignal;
  readonly version: string;
  /** On demand: commands that ask a server do not load the adapters. */
  readonly loadPlugins: () => Promise<ConfigPlugins>;
  readonly runDaemon: (
    config: Config,
    options: { readonly signal: AbortSignal; readonly onStarted?: (started: Started) => void },
  ) => Promise<void>;
}

/** Text from elsewhere on one line, with nothing in it that a terminal would act on. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
