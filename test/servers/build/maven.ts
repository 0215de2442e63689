import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artefact, BuildContext } from './artefact.js';

const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

export interface MavenArtefactOptions {
  readonly name: string;
  readonly version: string;
  /** Folder with pom.xml, relative to test/servers; the artefact's name when absent. */
  readonly pom?: string;
  /** Folders with the Java launcher's sources, relative to test/servers. */
  readonly sources?: readonly string[];
  /** Extra arguments to Maven, such as `-Ddubbo.version=2.7.23`. */
  readonly mavenArgs?: readonly string[];
  /** Extra arguments to javac. */
  readonly javacArgs?: readonly string[];
}

/**
 * An artefact with `lib/` (the pom's runtime dependencies) and, when there are sources, `classes/`.
 * javac is called directly: a Maven build would write its target folder into the source tree.
 */
export function mavenArtefact(options: MavenArtefactOptions): Artefact {
  const { name, version, pom = name, sources = [], mavenArgs = [], javacArgs = [] } = options;
  return {
    name,
    version,
    lane: 'maven',
    inputs: [join(pom, 'pom.xml'), ...sources],
    recipe: [DEPENDENCY_PLUGIN, version, ...mavenArgs, ...javacArgs].join(' '),
    async build(context) {
      const lib = join(context.outDir, 'lib');
      await context.run('mvn', [
        '--batch-mode',
        '--no-transfer-progress',
        '--file',
        join(context.sourceDir, pom, 'pom.xml'),
        `${DEPENDENCY_PLUGIN}:copy-dependencies`,
        '-DincludeScope=runtime',
        `-DoutputDirectory=${lib}`,
        ...mavenArgs,
      ]);
      if (sources.length > 0) await compile(context, sources, lib, javacArgs);
    },
  };
}

async function compile(context: BuildContext, sources: readonly string[], lib: string, extra: readonly string[]) {
  const files: string[] = [];
  for (const source of sources) {
    const root = join(context.sourceDir, source);
    for (const entry of await readdir(root, { recursive: true })) {
      if (entry.endsWith('.java')) files.push(join(root, entry));
    }
  }
  const classes = join(context.outDir, 'classes');
  // No annotation processing: some server jars carry processors that only their own build can run.
  const flags = ['-proc:none', '-parameters', '-encoding', 'UTF-8', '-cp', `${lib}/*`, '-d', classes];
  await context.run('javac', [...flags, ...extra, ...files]);
}
