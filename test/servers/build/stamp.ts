import { createHash, type Hash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Artefact } from './artefact.js';
import { STAMP } from './cache-dir.js';

/** Content hash of everything that decides what an artefact is; equal inputs give equal hashes on every machine. */
export function inputHash(artefact: Artefact, sourceDir: string): string {
  const hash = createHash('sha256').update(`${artefact.name}\n${artefact.recipe}\n`);
  for (const input of artefact.inputs) addPath(hash, sourceDir, input);
  return hash.digest('hex');
}

function addPath(hash: Hash, root: string, path: string): void {
  const absolute = join(root, path);
  if (statSync(absolute).isDirectory()) {
    for (const entry of readdirSync(absolute).sort()) addPath(hash, root, `${path}/${entry}`);
    return;
  }
  const content = readFileSync(absolute);
  hash.update(`${path} ${content.length}\n`).update(content);
}

/** The hash an artefact in the cache was built from, or undefined when there is none. */
export function readStamp(artefactPath: string): string | undefined {
  try {
    return readFileSync(join(artefactPath, STAMP), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
