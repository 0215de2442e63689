import type { Clock } from '../../core/time/index.js';
import { AckDeadlines } from './ack-deadlines.js';
import type { AdsSession, AdsTransport, XdsObserver } from './ads-session.js';
import type { ResourceCache } from './resource-cache.js';
import { SharedResponses, type XdsForm } from './shared-responses.js';
import { XdsStream } from './xds-stream.js';

/** Types that one stream may ask for; Envoy knows about ten. */
const maxTypes = 64;

export interface XdsSessionsOptions {
  readonly cache: ResourceCache;
  readonly observer: XdsObserver;
  readonly clock: Clock;
  /** How long a response may stay unanswered. */
  readonly ackTimeoutMs: number;
  /** Names that one stream may ask for, over all types. */
  readonly maxSubscriptions: number;
}

/** Makes the streams of a server, in both forms, that serve the resources of one cache. */
export function xdsSessions(options: XdsSessionsOptions): {
  readonly sotw: (transport: AdsTransport) => AdsSession;
  readonly delta: (transport: AdsTransport) => AdsSession;
} {
  const responses = new SharedResponses();
  const deadlines = new AckDeadlines(options.clock, options.ackTimeoutMs);
  const open = (form: XdsForm) => (transport: AdsTransport) =>
    new XdsStream({ ...options, form, transport, responses, deadlines, maxTypes });
  return { sotw: open('sotw'), delta: open('delta') };
}
