// Puts the command and what it imports into a few files, dist/bin: a thousand modules, ours and those of dependencies,
// cost more than half a second to find and load at each start (docs/adr/0025-bundled-command.md). What is copied from
// dependencies comes with their licences, dist/bin/LICENSES.txt.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const outdir = 'dist/bin';

const { metafile } = await build({
  entryPoints: ['dist/cli/main.js'],
  outdir,
  bundle: true,
  // What a command does not need, it does not load.
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // Its log streams are threads, which load files of the package by their paths.
  external: ['pino', 'pino-pretty'],
  // What CommonJS modules expect to be there.
  banner: {
    js: [
      "import { createRequire as createRequireOfBundle } from 'node:module';",
      "import { fileURLToPath as fileURLToPathOfBundle } from 'node:url';",
      'const require = createRequireOfBundle(import.meta.url);',
      'const __filename = fileURLToPathOfBundle(import.meta.url);',
      "const __dirname = fileURLToPathOfBundle(new URL('.', import.meta.url));",
    ].join('\n'),
  },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});

writeFileSync(join(outdir, 'LICENSES.txt'), licences(packagesOf(Object.keys(metafile.inputs))));

/** Folders of the packages that files come from, innermost. */
function packagesOf(files) {
  const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;
  return [...new Set(files.flatMap((file) => file.match(folder) ?? []))].sort();
}

function licences(folders) {
  return folders
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
      if (text === '' && license === undefined) throw new Error(`${folder} names no licence`);
      return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
