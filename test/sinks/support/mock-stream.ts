import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import type { AdsContent, AdsState } from '../../../sinks/grpc/ads-content.js';
import type { AdsObserver } from '../../../sinks/grpc/ads-session.js';
import { AdsStream } from '../../../sinks/grpc/ads-stream.js';
import { lease } from '../../../sinks/grpc/buffer-pool.js';
import { responseFrame } from '../../../sinks/grpc/discovery-response.js';
import { ManualClock } from '../../../testkit/index.js';

/** Content whose states are numbered by type; type `late` has none before `revise` gives it one. */
export class NumberedContent implements AdsContent {
  readonly #numbers = new Map<string, number>();
  /** How often bytes were made. */
  encoded = 0;

  newest(typeUrl: string): number | undefined {
    return this.#numbers.get(typeUrl) ?? (typeUrl.startsWith('late') ? undefined : 0);
  }

  revise(typeUrl: string): void {
    this.#numbers.set(typeUrl, (this.newest(typeUrl) ?? 0) + 1);
  }

  state(typeUrl: string): AdsState | undefined {
    const number = this.newest(typeUrl);
    if (number === undefined) return undefined;
    const nonce = `${typeUrl}#${number}`;
    const version = `v${number}`;
    return {
      nonce,
      version,
      lease: () => {
        this.encoded++;
        const { head, tail } = responseFrame({ version, typeUrl, nonce });
        return lease(Buffer.concat([head, tail]));
      },
    };
  }
}

/** A stream without a network: what it wrote, how it ended, what it told its observer. */
export function mockStream(options: { ackTimeoutMs?: number; maxTypes?: number } = {}) {
  const content = new NumberedContent();
  const clock = new ManualClock();
  const written: DiscoveryResponse[] = [];
  const events: string[] = [];
  const ends: string[] = [];
  const observer: AdsObserver = {
    onRequest: (typeUrl, kind) => events.push(`${kind} ${typeUrl}`),
    onSent: () => undefined,
    onAck: (typeUrl, ms) => events.push(`acked ${typeUrl} after ${ms}`),
    onNack: (typeUrl, message) => events.push(`nacked ${typeUrl}: ${message}`),
    onEnded: (code) => events.push(`ended ${code}`),
  };
  const stream = new AdsStream({
    content,
    clock,
    observer,
    ackTimeoutMs: 60_000,
    maxTypes: 8,
    ...options,
    transport: {
      write(bytes) {
        if (ends.length > 0) throw new Error('written after the end');
        written.push(DiscoveryResponse.decode(bytes));
      },
      end: (code, details) => ends.push(`${code}: ${details}`),
    },
  });
  return { stream, content, clock, written, events, ends };
}
