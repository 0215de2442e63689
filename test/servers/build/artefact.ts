/** What is built into the cache of test servers: one artefact a server or Java application. */
export interface Artefact {
  /** Folder name in the cache and under test/servers. */
  readonly name: string;
  /** The pinned version, for progress lines and the table in README.md. */
  readonly version: string;
  /** The lane it is built in: one build a lane at a time, the lanes side by side. */
  readonly lane: 'maven' | 'go' | 'python';
  /** Paths, relative to test/servers, of the files and folders whose content decides what is built. */
  readonly inputs: readonly string[];
  /** Whatever else decides it: pinned versions and flags that are in no input file. */
  readonly recipe: string;
  /** Builds into `context.outDir`, which exists and is empty. Rejects with the failed command's error. */
  build(context: BuildContext): Promise<void>;
}

export interface BuildContext {
  /** Absolute path of test/servers. */
  readonly sourceDir: string;
  /** Absolute path of the folder that becomes the artefact once `build` resolves. */
  readonly outDir: string;
  /** Scratch folder, removed afterwards. */
  readonly workDir: string;
  /** Runs a command with its output in the artefact's log file; rejects when it fails or takes too long. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<void>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}
