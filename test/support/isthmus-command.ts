import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** The command line as `npm run build` left it, which starts in half the time. */
export const builtCommand = [process.execPath, join(root, 'dist', 'bin', 'main.js')] as const;

/**
 * How a test starts the command line: from the sources, so that it never tests an old build, unless the test run says
 * that it has just been built, as `npm test` does.
 */
export const isthmusCommand: readonly [string, ...string[]] =
  process.env['ISTHMUS_TEST_BUILT'] === '1'
    ? builtCommand
    : [process.execPath, '--import', tsx, join(root, 'cli', 'main.ts')];
