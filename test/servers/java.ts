import { classArguments } from './build/class-archive.js';
import type { ServerCommand } from './process.js';

export interface JavaOptions {
  /** Name of the artefact whose `classes/` and `lib/` are the class path. */
  readonly artefact: string;
  readonly mainClass: string;
  /** Folder that stands in for the home directory, which several of the libraries write to. */
  readonly home: string;
  /** Largest heap in megabytes. */
  readonly heapMb: number;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  readonly args?: readonly string[];
  /** `module/package` names that are open to reflection. */
  readonly openPackages?: readonly string[];
  /** Start of the names of jars that must come before the others, which follow in alphabetical order. */
  readonly firstJars?: readonly string[];
}

/** A JVM that is quick to start and small, which suits a test more than peak speed. */
export function javaCommand(options: JavaOptions): ServerCommand {
  const { artefact, mainClass, home, heapMb, properties = {}, args = [], firstJars, openPackages = [] } = options;
  return {
    command: 'java',
    args: [
      `-Xmx${heapMb}m`,
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      ...openPackages.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
      `-Duser.home=${home}`,
      `-Djava.io.tmpdir=${home}`,
      ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
      ...classArguments(artefact, firstJars),
      mainClass,
      ...args,
    ],
  };
}
