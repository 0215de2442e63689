import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artefact } from './artefact.js';
import { STAMP } from './cache-dir.js';
import { runLogged } from './run-logged.js';
import { inputHash } from './stamp.js';

export interface BuildOptions {
  readonly sourceDir: string;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
}

/** Folder inside the cache for what is being built. */
export const SCRATCH = 'tmp';

/**
 * Builds one artefact beside its place in the cache and renames it into place, stamp included, so that an aborted build
 * is never taken for a finished one. The log stays at `<cacheDir>/logs/<name>.log`.
 * @throws Error with the failing command and the last lines of its output.
 */
export async function buildArtefact(artefact: Artefact, options: BuildOptions): Promise<void> {
  const { sourceDir, cacheDir, signal } = options;
  const finalDir = join(cacheDir, artefact.name);
  // Of this process alone: a build that outlived its killed parent must not write into ours.
  const scratch = join(cacheDir, SCRATCH, `${artefact.name}-${process.pid}`);
  const outDir = join(scratch, 'out');
  const workDir = join(scratch, 'work');
  const logFile = join(cacheDir, 'logs', `${artefact.name}.log`);
  for (const dir of [outDir, workDir, join(cacheDir, 'logs')]) mkdirSync(dir, { recursive: true });
  // Hashed before the build: a recipe that is edited meanwhile must count as changed afterwards.
  const hash = inputHash(artefact, sourceDir);
  writeFileSync(logFile, '');
  try {
    await artefact.build({
      sourceDir,
      outDir,
      workDir,
      run: (command, args, run = {}) => runLogged(command, args, run, { logFile, signal, workDir }),
    });
    writeFileSync(join(outDir, STAMP), `${hash}\n`);
    rmSync(finalDir, { recursive: true, force: true });
    renameSync(outDir, finalDir);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}
