import type { Config } from '../core/config/config.js';
import { ConfigError } from '../core/config/config-error.js';
import { loadConfig, parseConfigText } from '../core/config/load-config.js';
import type { CliContext } from './context.js';
import { defaultConfigName, defaultConfigText } from './default-config.js';
import { CliError, exitCode } from './exit-code.js';

/**
 * The configuration of a file, or the built-in one without.
 * @throws CliError with every problem on a line of its own and a last line that counts them
 */
export async function readConfig(context: CliContext, file: string | undefined): Promise<Config> {
  const plugins = await context.loadPlugins();
  try {
    if (file === undefined) return parseConfigText(defaultConfigText, defaultConfigName, plugins, { env: context.env });
    return loadConfig(file, plugins, { env: context.env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const count = error.problems.length === 1 ? '1 problem' : `${error.problems.length} problems`;
    throw new CliError(exitCode.usage, `${error.message}\n${count}; \`isthmus config schema\` prints what is allowed`);
  }
}
