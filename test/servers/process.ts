import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { poll } from '../support/poll.js';
import { guardChild, guardDir } from './reaper.js';

/** What it takes to run one server. */
export interface ServerSpec {
  readonly name: string;
  /** Called at each start, with the server's folder: `<dir>/data` is its data, all else is yours. */
  command(dir: string): ServerCommand;
  /** Brings up what the server needs beside it; called before each start. */
  setUp?(): Promise<void>;
  /** Takes it down again; called after each end, also when there was no start. */
  tearDown?(): Promise<void>;
  /** One look whether the server can be used; false or an error is "not yet". `output` is what it wrote since its start. */
  ready(signal: AbortSignal, output: () => string): Promise<boolean>;
  /** Default 60 s. */
  readonly readyTimeoutMs?: number;
  /** How long SIGTERM may take before SIGKILL. Default 10 s. */
  readonly stopTimeoutMs?: number;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Options that every start function has. */
export interface StartOptions {
  /** Aborts the start; the process is then killed. */
  readonly signal?: AbortSignal;
}

/** A running server of the tests, and what a test may do to it. */
export interface ServerHandle {
  readonly name: string;
  /** Process id, or undefined while it is stopped. */
  readonly pid: number | undefined;
  /** Folder with the server's data, gone with the test process. */
  readonly dataDir: string;
  /** Ends it with `signal` (SIGTERM), after a deadline with SIGKILL. Resolves when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Freezes the process: its connections stay open and nothing answers. Resolves when it stands still. */
  pause(): Promise<void>;
  resume(): void;
  /** Starts it again on the same ports after `stop` or `kill`, and waits until it is ready. */
  start(options?: StartOptions & { keepData?: boolean }): Promise<void>;
  /** Stops and starts it, with its data or, `keepData: false`, with none. */
  restart(options?: StartOptions & { keepData?: boolean }): Promise<void>;
  /** The last lines that it wrote. */
  logs(lines?: number): string;
}

/** Starts a server and waits until it is ready. Rejects with the end of its log when it is not. */
export async function startServer(spec: ServerSpec, options: StartOptions = {}): Promise<ServerHandle> {
  const server = new ServerProcess(spec);
  await server.start(options);
  return server;
}

class ServerProcess implements ServerHandle {
  readonly #spec: ServerSpec;
  readonly #dir: string;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  /** Length of the log when the process was started last. */
  #logStart = 0;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
    this.#dir = makeDir(spec.name);
  }

  get name(): string {
    return this.#spec.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get dataDir(): string {
    return join(this.#dir, 'data');
  }

  async start(options: StartOptions & { keepData?: boolean } = {}): Promise<void> {
    if (this.#child) throw new Error(`${this.name} runs already`);
    options.signal?.throwIfAborted();
    if (options.keepData === false) rmSync(this.dataDir, { recursive: true, force: true });
    mkdirSync(this.dataDir, { recursive: true });
    try {
      await this.#spec.setUp?.();
      await this.#untilReady(this.#spawn(), options.signal);
    } catch (error) {
      const log = this.logs();
      await this.kill();
      throw new Error(`${this.name} did not start: ${(error as Error).message}\n${log}`, { cause: error });
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child) await this.#end(this.#child, signal);
    await this.#spec.tearDown?.();
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
    await this.#spec.tearDown?.();
  }

  async pause(): Promise<void> {
    if (!this.#child) throw new Error(`${this.name} does not run`);
    this.#child.kill('SIGSTOP');
    // Each thread comes to its stop in its own time.
    await poll(() => isFrozen(this.#child?.pid), { intervalMs: 5, what: `${this.name} to stand still` });
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async restart(options: StartOptions & { keepData?: boolean } = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  logs(lines = 40): string {
    return this.#read().toString().trimEnd().split('\n').slice(-lines).join('\n');
  }

  #read(): Buffer {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile) : Buffer.alloc(0);
  }

  get #logFile(): string {
    return join(this.#dir, 'server.log');
  }

  #spawn(): ChildProcess {
    const { command, args, env } = this.#spec.command(this.#dir);
    this.#logStart = this.#read().length;
    const log = openSync(this.#logFile, 'a');
    const child = spawn(command, [...args], {
      cwd: this.#dir,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    guardChild(child);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const gone = () => {
        this.#child = undefined;
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
    return child;
  }

  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    // A frozen process would not see the signal.
    child.kill('SIGCONT');
    child.kill(signal);
    const overdue = new AbortController();
    const killer = delay(this.#spec.stopTimeoutMs ?? 10_000, undefined, { signal: overdue.signal }).then(
      () => child.kill('SIGKILL'),
      () => false,
    );
    await this.#exited;
    overdue.abort();
    await killer;
  }

  async #untilReady(child: ChildProcess, signal: AbortSignal | undefined): Promise<void> {
    const failed = new AbortController();
    child.once('error', (error) => failed.abort(error));
    child.once('exit', (code, by) => failed.abort(new Error(`it ended before it was ready (${by ?? `code ${code}`})`)));
    await poll((probe) => this.#spec.ready(probe, () => this.#read().subarray(this.#logStart).toString()), {
      timeoutMs: this.#spec.readyTimeoutMs ?? 60_000,
      intervalMs: 100,
      what: 'it to be ready',
      signal: signal ? AbortSignal.any([signal, failed.signal]) : failed.signal,
    });
    // Something answered: it must have been this process, not another one on the port.
    failed.signal.throwIfAborted();
  }
}

async function isFrozen(pid: number | undefined): Promise<boolean> {
  const { stdout } = await execa('ps', ['-o', 'state=', '-p', `${pid}`], { timeout: 5000 });
  return stdout.trim().startsWith('T');
}

function makeDir(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `isthmus-${name}-`));
  guardDir(dir);
  return dir;
}
