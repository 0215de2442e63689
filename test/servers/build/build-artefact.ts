import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Artefact, RunOptions } from './artefact.js';
import { STAMP } from './cache-dir.js';
import { inputHash } from './stamp.js';

/** A single command of a build may take this long before it is taken for hung. */
const COMMAND_TIMEOUT_MS = 30 * 60_000;
const LOG_TAIL_LINES = 25;

export interface BuildOptions {
  readonly sourceDir: string;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
}

/**
 * Builds one artefact beside its place in the cache and renames it into place, stamp included, so that an aborted build
 * is never taken for a finished one. The log stays at `<cacheDir>/logs/<name>.log`.
 * @throws Error with the failing command and the last lines of its output.
 */
export async function buildArtefact(artefact: Artefact, options: BuildOptions): Promise<void> {
  const { sourceDir, cacheDir, signal } = options;
  const finalDir = join(cacheDir, artefact.name);
  const scratch = join(cacheDir, 'tmp', artefact.name);
  const outDir = join(scratch, 'out');
  const workDir = join(scratch, 'work');
  const logFile = join(cacheDir, 'logs', `${artefact.name}.log`);
  rmSync(scratch, { recursive: true, force: true });
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
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface RunContext {
  readonly logFile: string;
  readonly signal: AbortSignal;
  readonly workDir: string;
}

async function runLogged(command: string, args: readonly string[], options: RunOptions, context: RunContext) {
  const { logFile, signal, workDir } = context;
  appendFileSync(logFile, `$ ${command} ${args.join(' ')}\n`);
  const result = await execa(command, [...args], {
    cwd: options.cwd ?? workDir,
    env: { ...options.env },
    stdin: 'ignore',
    stdout: { file: logFile, append: true },
    stderr: { file: logFile, append: true },
    reject: false,
    timeout: COMMAND_TIMEOUT_MS,
    forceKillAfterDelay: 5000,
    cancelSignal: signal,
  });
  if (!result.failed) return;
  signal.throwIfAborted();
  const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  throw new Error(`${result.shortMessage}\n${tail}\nfull log: ${logFile}`);
}
