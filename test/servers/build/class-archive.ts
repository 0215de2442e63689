import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { artefactDir, STAMP } from './cache-dir.js';

const JAR_TIMEOUT_MS = 60_000;
const DUMP_TIMEOUT_MS = 300_000;

/**
 * An archive holds the classes of a Java artefact in the form in which a JVM maps them into its memory, instead of
 * reading and verifying them anew ("application class data sharing"): about half of what a start costs. All works
 * without it. It lies within the artefact, and goes with it when that is built anew.
 */
const places = (artefact: string) => {
  const dir = join(artefactDir(artefact), 'start');
  return { dir, archive: join(dir, 'classes.jsa'), launcher: join(dir, 'launcher.jar'), stamp: join(dir, STAMP) };
};

/**
 * Arguments for `java`: the class path of an artefact, and the archive of its classes or, where there is none, leave to
 * make one. Some classes are in several jars: those whose name begins with one of `firstJars` come before the others.
 */
export function classArguments(artefact: string, firstJars: readonly string[] = []): string[] {
  const dir = artefactDir(artefact);
  const lib = join(dir, 'lib');
  const { archive, launcher } = places(artefact);
  // Listed one by one: the order of a wildcard is the file system's.
  const isFirst = (jar: string) => firstJars.some((start) => jar.startsWith(start));
  const names = readdirSync(lib).sort();
  const jars = [...names.filter(isFirst), ...names.filter((jar) => !isFirst(jar))];
  const own = existsSync(launcher) ? launcher : join(dir, 'classes');
  return [
    '-XX:+IgnoreUnrecognizedVMOptions',
    existsSync(archive) ? `-XX:SharedArchiveFile=${archive}` : '-XX:+RecordDynamicDumpInfo',
    '-cp',
    [own, ...jars.map((jar) => join(lib, jar))].join(':'),
  ];
}

/** True when the archive of an artefact was made by the `java` of this `version`, and where it is now. */
export function hasArchive(artefact: string, version: string): boolean {
  const { archive, stamp } = places(artefact);
  return existsSync(archive) && existsSync(stamp) && readFileSync(stamp, 'utf8') === stampOf(artefact, version);
}

/** Another JVM, or the same classes in another place, would take no notice of the archive. */
function stampOf(artefact: string, version: string): string {
  return `${version}\n${artefactDir(artefact)}\n`;
}

/** What `java -version` prints. */
export async function javaVersion(): Promise<string> {
  return (await execa('java', ['-version'], { timeout: 60_000 })).stderr;
}

/**
 * What must be done before the start of the JVM whose classes are archived: takes an older archive away, and puts the
 * artefact's own classes into a jar, for an archive takes none of a folder.
 */
export async function prepareArchive(artefact: string, signal: AbortSignal): Promise<void> {
  const { dir, archive, launcher } = places(artefact);
  const classes = join(artefactDir(artefact), 'classes');
  mkdirSync(dir, { recursive: true });
  rmSync(archive, { force: true });
  if (!existsSync(classes) || existsSync(launcher)) return;
  const made = `${launcher}.${process.pid}`;
  await execa('jar', ['--create', '--file', made, '-C', classes, '.'], {
    timeout: JAR_TIMEOUT_MS,
    cancelSignal: signal,
  });
  renameSync(made, launcher);
}

/** Makes the archive out of what a running JVM, started without one, has loaded so far. */
export async function dumpArchive(artefact: string, pid: number, version: string, signal: AbortSignal): Promise<void> {
  const { archive, stamp } = places(artefact);
  const made = `${archive}.${process.pid}`;
  await execa('jcmd', [`${pid}`, 'VM.cds', 'dynamic_dump', made], {
    timeout: DUMP_TIMEOUT_MS,
    cancelSignal: signal,
  });
  // The command ends well also when the JVM could not do it.
  if (!existsSync(made)) throw new Error(`the JVM of ${artefact} made no archive of its classes`);
  renameSync(made, archive);
  writeFileSync(stamp, stampOf(artefact, version));
}
