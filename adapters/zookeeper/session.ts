import { setMaxListeners } from 'node:events';
import {
  backoffMs,
  type Clock,
  formatHostPort,
  type HostPort,
  readTls,
  type TlsClient,
} from '../../core/plugin/index.js';
import { type ConnectionOptions, type SessionTicket, ZookeeperConnection } from './connection.js';
import { hasCode } from './zookeeper-error.js';

export interface SessionOptions extends Omit<ConnectionOptions, 'tls' | 'canBeReadOnly'> {
  /** The ensemble; tried in turn, from a random one on, so that many readers spread over it. */
  readonly servers: readonly HostPort[];
  readonly tls?: TlsClient;
  /** Whether to go to a server without a quorum when no other takes us. */
  readonly readOnly: boolean;
}

export interface SessionDeps {
  readonly clock: Clock;
  readonly random?: () => number;
}

/** What is done with a connection until it is lost; it must settle soon after `signal` aborts. */
export type ConnectionUse = (connection: ZookeeperConnection, signal: AbortSignal) => Promise<void>;

const backoff = { baseMs: 100, maxMs: 10_000 } as const;
/** A connection that lived for so long was a good one: the next loss is retried at once. */
const goodAfterMs = 5000;

/** A server without a quorum knows no session, but what was seen already binds it, too. */
const newSession = { id: Buffer.alloc(8), password: Buffer.alloc(16) };

/** The session to go on with, and until when that makes sense. */
interface Resumable {
  readonly ticket: SessionTicket;
  readonly lostAtMs: number;
}

/**
 * Keeps one connection to an ensemble: dials the servers in turn, waits with growing, jittered back-off after each
 * round, and goes on with the same session while it can still be alive, so that a server which lags behind what was
 * seen already refuses us. When it can not, the next session is a new one, which takes the state of any server: an
 * ensemble that lost its data would otherwise refuse us for ever.
 */
export class ZookeeperSession {
  readonly #options: SessionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  #next: number;
  #resumable: Resumable | undefined;
  /** Dials since the last good connection. */
  #attempts = 0;
  /** Dials in a row that gave no session with a quorum behind it. */
  #failures = 0;

  constructor(options: SessionOptions, { clock, random = Math.random }: SessionDeps) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#next = Math.floor(random() * options.servers.length);
  }

  /**
   * Gives each connection to `use` and each failure to `onTrouble`, until `signal` aborts; then settles within 300 ms
   * and leaves no socket or timer behind. Never rejects but for an error that `onTrouble` throws.
   */
  async run(use: ConnectionUse, onTrouble: (error: Error) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#once(use, signal);
      } catch (error) {
        if (signal.aborted) return;
        onTrouble(error instanceof Error ? error : new Error(String(error)));
        await this.#clock.sleep(this.#waitMs(), signal).catch(() => undefined); // aborted: the loop looks at it
      }
    }
  }

  async #once(use: ConnectionUse, signal: AbortSignal): Promise<void> {
    const connection = await this.#dial(signal);
    const openedAtMs = this.#clock.now();
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= connection.close();
      return closing;
    };
    // Ends what waits for the server as well: it may be long in answering.
    const onAbort = () => void close();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const ended = AbortSignal.any([signal, connection.lost]);
    // Every interface that cannot be read waits under it for its retry.
    setMaxListeners(0, ended);
    try {
      await use(connection, ended);
      throw new Error(`${formatHostPort(connection.server)}: the connection was given up`);
    } catch (error) {
      // What fails because the connection is gone says less than why it is gone.
      throw connection.lost.aborted ? connection.lost.reason : error;
    } finally {
      const now = this.#clock.now();
      if (now - openedAtMs >= goodAfterMs) this.#attempts = 0;
      // A session that we end ourselves is over; one that was cut off can be taken up again. What a server without a
      // quorum gave is a session of its own.
      if (!connection.isReadOnly) {
        this.#resumable = connection.lost.aborted ? { ticket: connection.ticket, lostAtMs: now } : undefined;
      }
      signal.removeEventListener('abort', onAbort);
      await close();
    }
  }

  async #dial(signal: AbortSignal): Promise<ZookeeperConnection> {
    const { servers, tls: files, readOnly, ...options } = this.#options;
    const server = servers[this.#next++ % servers.length];
    if (!server) throw new Error('no server is configured');
    this.#attempts++;
    // Only when each server was tried for a session that can be trusted, and then as the last resort of each round.
    const canBeReadOnly = readOnly && this.#failures++ >= servers.length;
    const ticket = this.#ticket();
    try {
      const tls = files && (await readTls(files, signal));
      const connection = await ZookeeperConnection.open(
        server,
        { ...options, canBeReadOnly, ...(tls && { tls }) },
        canBeReadOnly && ticket ? { ...ticket, ...newSession } : ticket,
        signal,
      );
      if (!connection.isReadOnly) this.#failures = 0;
      return connection;
    } catch (error) {
      if (hasCode(error, 'SESSION_EXPIRED')) this.#resumable = undefined;
      throw error;
    }
  }

  #ticket(): SessionTicket | undefined {
    const resumable = this.#resumable;
    if (resumable && this.#clock.now() - resumable.lostAtMs >= resumable.ticket.timeoutMs) this.#resumable = undefined;
    return this.#resumable?.ticket;
  }

  /** Short within a round over the servers, then longer from round to round. */
  #waitMs(): number {
    const round = Math.floor(this.#attempts / this.#options.servers.length);
    return this.#attempts % this.#options.servers.length === 0
      ? backoffMs(round, backoff, this.#random)
      : backoffMs(0, backoff, this.#random);
  }
}
