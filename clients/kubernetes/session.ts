import type { Clock } from '../../core/plugin/index.js';
import { type AccessWorld, readAccess } from './access.js';
import type { AccessConfig } from './access-schema.js';
import { KubernetesClient } from './client.js';
import { KubernetesError } from './kubernetes-error.js';

export interface SessionOptions {
  readonly access: AccessConfig;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly world?: AccessWorld;
}

/** Something that is done as long as a session lasts; it fails when it cannot go on. */
export type SessionTask = (client: KubernetesClient, signal: AbortSignal) => Promise<void>;

const probeMs = 10_000;

/**
 * Does all tasks over one client, until the first of them fails or the API no longer answers: a watch that waits in
 * silence would not notice. Reads the files that say where the API is and who asks anew, so a new session takes what was renewed.
 * @throws always: why it ended, mostly a KubernetesError; the signal's reason
 */
export async function runSession(
  tasks: readonly SessionTask[],
  { access, requestTimeoutMs, clock, world }: SessionOptions,
  signal: AbortSignal,
): Promise<never> {
  const client = new KubernetesClient({ access: await readAccess(access, signal, world), requestTimeoutMs });
  const end = new AbortController();
  const onAbort = () => end.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  // Each request and watch listens to the session's end.
  const own = () => AbortSignal.any([end.signal]);
  const probe: SessionTask = (_, within) => probeForEver(client, clock, within);
  try {
    const running = [...tasks, probe].map((task) =>
      task(client, own()).then(
        () => end.abort(new Error('a task of the session ended by itself')),
        (error: unknown) => end.abort(error),
      ),
    );
    await Promise.all(running);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await client.close();
  }
  throw end.signal.reason;
}

/** Any answer is a sign of life, a refusal too. @throws KubernetesError `unreachable` */
async function probeForEver(client: KubernetesClient, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(probeMs, signal);
    try {
      await client.get('/version', {}, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.failure === 'unreachable') throw error;
    }
  }
}
