import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of test/servers. */
export const serversDir = fileURLToPath(new URL('..', import.meta.url));

/** File inside a finished artefact that holds the hash of what it was built from. */
export const STAMP = '.stamp';

/** Where the built servers are kept: ISTHMUS_SERVERS_CACHE, or `.cache/servers` at the repository's root. */
export function cacheDir(): string {
  const configured = process.env['ISTHMUS_SERVERS_CACHE'];
  return configured ? resolve(configured) : join(serversDir, '..', '..', '.cache', 'servers');
}

/**
 * Absolute path of a built artefact.
 * @throws Error that says how to build it, when it is not in the cache.
 */
export function artefactDir(name: string): string {
  const dir = join(cacheDir(), name);
  if (!existsSync(join(dir, STAMP))) {
    throw new Error(`test server "${name}" is not built (looked in ${dir}); run: npm run servers`);
  }
  return dir;
}
