import type { EurekaServer } from './server.js';

/** No server gave a usable answer; the message tells of each what it said instead. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

/** Several servers of which one is read: the one that answered last, as long as it answers. The first is preferred. */
export class ServerGroup {
  readonly #servers: readonly EurekaServer[];
  #current = 0;

  constructor(servers: readonly EurekaServer[]) {
    this.#servers = servers;
  }

  /**
   * Runs `operation` on the current server, and when it fails on each of the others in turn.
   * @param fromFirst begin with the server that stands first in the configuration, whichever is the current one
   * @throws UnavailableError when it failed on all; the signal's reason
   */
  async attempt<T>(
    operation: (server: EurekaServer) => Promise<T>,
    signal: AbortSignal,
    fromFirst = false,
  ): Promise<T> {
    const failures: string[] = [];
    for (const index of this.#order(fromFirst)) {
      const server = this.#servers[index];
      if (!server) continue;
      try {
        const result = await operation(server);
        this.#current = index;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`${server.url}: ${describeError(error)}`);
      }
    }
    throw new UnavailableError(failures.join('; '));
  }

  /** The server that answered last. */
  get current(): EurekaServer | undefined {
    return this.#servers[this.#current];
  }

  #order(fromFirst: boolean): ReadonlySet<number> {
    const ring = this.#servers.map((_, step) => (this.#current + step) % this.#servers.length);
    return new Set(fromFirst ? [0, ...ring] : ring);
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** The message with the code of a system error; a failed connection to several addresses tells of the first. */
function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const message = error.message === '' ? error.name : error.message;
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
