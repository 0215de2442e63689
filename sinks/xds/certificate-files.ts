import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { watch } from 'chokidar';
import { type Clock, deferred, linkSignal } from '../../core/plugin/index.js';
import type { TlsConfig } from './gateway-config.js';
import { type FileContents, filesToRead } from './tls-context.js';

export interface CertificateFilesOptions {
  readonly clock: Clock;
  /** Files are looked at this often, too: some file systems tell nobody of changes. */
  readonly lookMs?: number;
  /** A certificate and its key are not written in one moment. */
  readonly settleMs?: number;
}

const maxBytes = 1024 * 1024;

/** The certificates and keys that are read on this side, as they were when they were last good. */
export class CertificateFiles {
  readonly #tls: readonly TlsConfig[];
  readonly #paths: readonly string[];
  readonly #options: Required<CertificateFilesOptions>;
  #contents: FileContents = new Map();

  constructor(tls: readonly TlsConfig[], { clock, lookMs = 60_000, settleMs = 500 }: CertificateFilesOptions) {
    this.#tls = tls.filter((entry) => filesToRead(entry).length > 0);
    this.#paths = [...new Set(this.#tls.flatMap(filesToRead))];
    this.#options = { clock, lookMs, settleMs };
  }

  get contents(): FileContents {
    return this.#contents;
  }

  get isEmpty(): boolean {
    return this.#paths.length === 0;
  }

  /** Reads all files. @returns whether they are others than before. @throws Error that names the file and what is wrong */
  async load(signal: AbortSignal): Promise<boolean> {
    const entries = await Promise.all(this.#paths.map(async (path) => [path, await read(path, signal)] as const));
    const contents = new Map(entries);
    for (const entry of this.#tls) check(entry, contents);
    const isSame = entries.every(([path, bytes]) => this.#contents.get(path)?.equals(bytes));
    if (!isSame) this.#contents = contents;
    return !isSame;
  }

  /** Calls back when the files are others, and good, and when they are not good, until the signal aborts. */
  async follow(signal: AbortSignal, onChanged: () => void, onBad: (error: Error) => void): Promise<void> {
    const { clock, lookMs, settleMs } = this.#options;
    const watcher = watch([...this.#paths], { ignoreInitial: true });
    let event = deferred<void>();
    watcher.on('all', () => event.resolve());
    watcher.on('error', () => undefined); // the look that follows tells what is wrong
    try {
      while (!signal.aborted) {
        const { controller: looked, release } = linkSignal(signal);
        const time = clock.sleep(lookMs, looked.signal);
        await Promise.race([event.promise, time.catch(() => undefined)]);
        looked.abort();
        release();
        event = deferred<void>();
        await clock.sleep(settleMs, signal);
        await this.load(signal).then(
          (changed) => changed && onChanged(),
          (error: Error) => {
            if (!signal.aborted) onBad(error);
          },
        );
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await watcher.close();
    }
  }
}

async function read(path: string, signal: AbortSignal): Promise<Buffer> {
  try {
    const bytes = await readFile(path, { signal });
    if (bytes.length > maxBytes) throw new Error('it is larger than a megabyte');
    return bytes;
  } catch (error) {
    signal.throwIfAborted();
    const code = (error as NodeJS.ErrnoException).code;
    throw new Error(`cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : (error as Error).message}`);
  }
}

/** Envoy would refuse the whole listener. */
function check(tls: TlsConfig, contents: FileContents): void {
  for (const { cert, key } of tls.certificates) {
    const certificate = parsed(cert, 'certificate', () => new X509Certificate(contents.get(cert) ?? ''));
    const privateKey = parsed(key, 'key without a passphrase', () => createPrivateKey(contents.get(key) ?? ''));
    if (!certificate.checkPrivateKey(privateKey)) throw new Error(`${key} is not the key of ${cert}`);
  }
  const { clientCa } = tls;
  if (clientCa !== undefined) parsed(clientCa, 'certificate', () => new X509Certificate(contents.get(clientCa) ?? ''));
}

/** The parser's own words may show what is in the file. */
function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new Error(`${path} holds no PEM ${what}`);
  }
}
