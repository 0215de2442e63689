import type { Clock } from '../../core/time/index.js';
import type { AdsContent } from './ads-content.js';
import type { OpenSession } from './ads-server.js';
import type { AdsObserver } from './ads-session.js';
import { AdsStream } from './ads-stream.js';

/** Types a stream may ask for: istiod asks for 16, of which each may come in some versions. */
const maxTypes = 64;

export interface AdsSessionsOptions {
  /** What a stream is served, by the name that its client dialled; a text refuses it. */
  readonly contentOf: (authority: string) => AdsContent | string;
  readonly observer: AdsObserver;
  readonly clock: Clock;
  /** How long a response may stay unanswered. */
  readonly ackTimeoutMs: number;
}

/** Makes the streams of a server that serves the whole state of each type, as one run of bytes. */
export function adsSessions({ contentOf, ...options }: AdsSessionsOptions): { readonly sotw: OpenSession } {
  return {
    sotw: (transport, authority) => {
      const content = contentOf(authority);
      return typeof content === 'string' ? content : new AdsStream({ ...options, content, transport, maxTypes });
    },
  };
}
