import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../../core/plugin/index.js';
import type { Message } from './payload.js';
import type { RequestGate } from './request-gate.js';
import { formatServiceKey, namespaceId } from './service-key.js';

const tickMs = 100;
/** Reads of one service that fail in a row before it is told. */
const toleratedFailures = 3;
/** Answers in a row with no instance, where there were some, before that is believed. */
const emptyAnswers = 2;
/** Said instead of a push: the service cannot be read, and has to be subscribed anew. */
export const subscriptionLost = 'SubscriptionLost';

type Body = Message['body'];

interface Polled {
  readonly body: Body;
  /** undefined: what comes next is pushed, whatever it is. */
  digest: string | undefined;
  hasInstances: boolean;
  empties: number;
  failures: number;
}

export interface InstancePollerOptions {
  readonly gate: RequestGate;
  readonly clock: Clock;
  /** In this time each service is read once; longer when the gate lets fewer requests through. */
  readonly intervalMs: number;
  /** Must not throw. */
  readonly onPush: (message: Message) => void;
  /** The instances of a service, `ServiceInfo`, as the server has them now. */
  readonly read: (body: Body) => Promise<Body>;
}

/** Asks for services again and again, evenly spread, and pushes those whose answer is another than the last one. */
export class InstancePoller {
  readonly #options: InstancePollerOptions;
  readonly #all = new Map<string, Polled>();

  constructor(options: InstancePollerOptions) {
    this.#options = options;
  }

  /** @param body of the request, which names the service; @param info its answer */
  add(body: Body, info: Body): void {
    const polled = { body, digest: digestOf(info), hasInstances: hasInstances(info), empties: 0, failures: 0 };
    this.#all.set(keyOf(body), polled);
  }

  remove(body: Body): void {
    this.#all.delete(keyOf(body));
  }

  /**
   * The service was read besides, and what was read may be published: it is no longer known to be what was pushed last.
   *
   * @param body of the request, which names the service; @param info its answer
   */
  queried(body: Body, info: Body): void {
    const polled = this.#all.get(keyOf(body));
    if (!polled) return;
    polled.digest = undefined;
    if (!hasInstances(info)) return;
    polled.hasInstances = true;
    polled.empties = 0;
  }

  /** Settles when `lost` aborts; never rejects. */
  async run(lost: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options;
    let queue: readonly Polled[] = [];
    let next = 0;
    let due = 0;
    while (!lost.aborted) {
      // Only the loss of the connection ends the sleep, and the loop looks at that.
      await clock.sleep(tickMs * (0.9 + 0.2 * Math.random()), lost).catch(() => undefined);
      if (next >= queue.length) {
        queue = [...this.#all.values()];
        next = 0;
      }
      // A round that fell behind is not caught up with: the server is asked no faster for having been slow.
      due = Math.min(queue.length, due + (queue.length * tickMs) / intervalMs);
      const batch = queue.slice(next, next + Math.floor(due));
      due -= Math.floor(due);
      next += batch.length;
      await Promise.all(batch.map((polled) => this.#poll(polled, lost)));
    }
  }

  async #poll(polled: Polled, lost: AbortSignal): Promise<void> {
    const { gate, read } = this.#options;
    const isCurrent = () => !lost.aborted && this.#all.get(keyOf(polled.body)) === polled;
    if (!isCurrent()) return;
    try {
      const info = await gate.run(() => read(polled.body), lost);
      if (isCurrent()) this.#take(polled, info);
    } catch {
      if (isCurrent()) this.#failed(polled);
    }
  }

  #take(polled: Polled, info: Body): void {
    if (!Array.isArray(info['hosts'])) {
      this.#failed(polled);
      return;
    }
    polled.failures = 0;
    const digest = digestOf(info);
    const isFull = hasInstances(info);
    polled.empties = isFull ? 0 : polled.empties + 1;
    if (digest === polled.digest) return;
    // A server that has just come up answers so before its clients are back.
    if (!isFull && polled.hasInstances && polled.empties < emptyAnswers) return;
    polled.digest = digest;
    polled.hasInstances = isFull;
    const { groupName, serviceName: name } = polled.body;
    this.#options.onPush({ type: 'NotifySubscriberRequest', body: { serviceInfo: { ...info, name, groupName } } });
  }

  #failed(polled: Polled): void {
    if (++polled.failures < toleratedFailures) return;
    this.#all.delete(keyOf(polled.body));
    this.#options.onPush({ type: subscriptionLost, body: polled.body });
  }
}

function keyOf({ namespace, groupName, serviceName }: Body): string {
  const key = { namespace: namespaceId(String(namespace)), group: String(groupName), name: String(serviceName) };
  return formatServiceKey(key);
}

function hasInstances({ hosts }: Body): boolean {
  return Array.isArray(hosts) && hosts.length > 0;
}

/** Of what matters in an answer: its time is another one each time, and its checksum leaves out the metadata. */
function digestOf({ hosts, reachProtectionThreshold }: Body): string {
  let text: string;
  try {
    text = JSON.stringify([hosts, reachProtectionThreshold]);
  } catch {
    // Nested deeper than can be written again: taken for new each time.
    text = randomUUID();
  }
  return createHash('sha1').update(text).digest('base64');
}
