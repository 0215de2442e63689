import { join } from 'node:path';
import { artefactDir } from './build/cache-dir.js';
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
  /** Class path entries that come before all others. */
  readonly classPath?: readonly string[];
}

/** A JVM that is quick to start and small, which suits a test more than peak speed. */
export function javaCommand(options: JavaOptions): ServerCommand {
  const { artefact, mainClass, home, heapMb, properties = {}, args = [], classPath = [] } = options;
  const dir = artefactDir(artefact);
  const path = [...classPath, join(dir, 'classes'), join(dir, 'lib', '*')];
  return {
    command: 'java',
    args: [
      `-Xmx${heapMb}m`,
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Duser.home=${home}`,
      `-Djava.io.tmpdir=${home}`,
      ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
      '-cp',
      path.join(':'),
      mainClass,
      ...args,
    ],
  };
}
