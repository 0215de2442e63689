import type { Clock } from '../../core/time/index.js';
import { AckDeadlines } from './ack-deadlines.js';
import type { OpenSession } from './ads-server.js';
import type { XdsObserver } from './ads-session.js';
import type { ResourceCache } from './resource-cache.js';
import { SharedResponses, type XdsForm } from './shared-responses.js';
import { XdsStream } from './xds-stream.js';

/** Types that one stream may ask for; Envoy knows about ten. */
const maxTypes = 64;

export interface XdsSessionsOptions {
  /** What a stream is served; or by the name that its client dialled, where a text refuses it. */
  readonly cache: ResourceCache | ((authority: string) => ResourceCache | string);
  readonly observer: XdsObserver;
  readonly clock: Clock;
  /** How long a response may stay unanswered. */
  readonly ackTimeoutMs: number;
  /** Names that one stream may ask for, over all types. */
  readonly maxSubscriptions: number;
}

/** Makes the streams of a server, in both forms, that serve the resources of a cache. */
export function xdsSessions({ cache: cacheOf, ...options }: XdsSessionsOptions): {
  readonly sotw: OpenSession;
  readonly delta: OpenSession;
} {
  const responses = new SharedResponses();
  const deadlines = new AckDeadlines(options.clock, options.ackTimeoutMs);
  const open =
    (form: XdsForm): OpenSession =>
    (transport, authority) => {
      const cache = typeof cacheOf === 'function' ? cacheOf(authority) : cacheOf;
      if (typeof cache === 'string') return cache;
      return new XdsStream({ ...options, cache, form, transport, responses, deadlines, maxTypes });
    };
  return { sotw: open('sotw'), delta: open('delta') };
}
