import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import { fileSchema } from '../../../adapters/file/config.js';
import { FileSource } from '../../../adapters/file/source.js';
import { type Deps, systemClock } from '../../../core/plugin/index.js';

/** A source as the configuration makes it, quick unless told otherwise. */
export function makeSource(config: z.input<typeof fileSchema>): FileSource {
  const deps: Deps = {
    name: 'file-test',
    logger: pino({ level: 'silent' }),
    clock: systemClock,
    dataDir: '/nonexistent',
    http: { add: () => undefined },
    metrics: new Registry(),
  };
  return new FileSource(fileSchema.parse({ settleMs: 20, ...config }), deps);
}

const folders = new Set<string>();

/** A folder that is gone when the test process ends. */
export function makeFolder(): string {
  if (folders.size === 0) process.once('exit', removeFolders);
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-file-'));
  folders.add(folder);
  return folder;
}

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** Puts a file into its place at once, as careful writers do. */
export function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
