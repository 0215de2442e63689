import { Any } from '../../../proto/gen/any.js';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../../proto/gen/discovery.js';
import { AckDeadlines } from '../../../sinks/grpc/ack-deadlines.js';
import type { XdsObserver } from '../../../sinks/grpc/ads-session.js';
import type { StreamTurns } from '../../../sinks/grpc/flush-turns.js';
import { ResourceCache } from '../../../sinks/grpc/resource-cache.js';
import type { CacheStream } from '../../../sinks/grpc/resource-type.js';
import { SharedResponses, type XdsForm } from '../../../sinks/grpc/shared-responses.js';
import type { XdsChange, XdsResource } from '../../../sinks/grpc/xds-resource.js';
import { XdsStream } from '../../../sinks/grpc/xds-stream.js';
import { ManualClock } from '../../../testkit/index.js';

/** A resource whose bytes are its name and version, so that a test can read them. */
export function resource(
  typeUrl: string,
  name: string,
  version = 'v1',
  wildcard: XdsResource['wildcard'] = 'all',
): XdsResource {
  const value = Buffer.from(`${name}=${version}`);
  return { typeUrl, name, version, wildcard, any: Buffer.from(Any.encode({ typeUrl, value }).finish()) };
}

export function set(...args: Parameters<typeof resource>): XdsChange {
  return { kind: 'set', resource: resource(...args) };
}

export function gone(typeUrl: string, name: string): XdsChange {
  return { kind: 'delete', typeUrl, name };
}

/** A response of either form, as a test reads it. */
export interface Read {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** `name=version`, in the order of the response. */
  readonly resources: readonly string[];
  readonly removed: readonly string[];
  readonly bytes: Buffer;
}

export function read(form: XdsForm, bytes: Buffer): Read {
  if (form === 'delta') {
    const {
      typeUrl,
      nonce,
      systemVersionInfo: version,
      resources,
      removedResources,
    } = DeltaDiscoveryResponse.decode(bytes);
    return {
      typeUrl,
      nonce,
      version,
      resources: resources.map(({ name, version: own, resource: any }) => {
        const text = any?.value.toString();
        return text === `${name}=${own}` ? text : `${name}=${own} but holds ${text}`;
      }),
      removed: removedResources,
      bytes,
    };
  }
  const { typeUrl, nonce, versionInfo: version, resources } = DiscoveryResponse.decode(bytes);
  return { typeUrl, nonce, version, resources: resources.map(({ value }) => value.toString()), removed: [], bytes };
}

/** Streams that are written to when the test says so. */
export class LateTurns implements StreamTurns {
  readonly #waiting = new Set<CacheStream>();

  changed(stream: CacheStream): void {
    this.#waiting.add(stream);
  }

  asked(stream: CacheStream): void {
    this.#waiting.add(stream);
  }

  delete(stream: CacheStream): void {
    this.#waiting.delete(stream);
  }

  /** As many as there are by default, in order. */
  next(count = Number.POSITIVE_INFINITY): void {
    for (const stream of [...this.#waiting].slice(0, count)) {
      this.#waiting.delete(stream);
      stream.flush();
    }
  }
}

/** What streams of one cache share in a test. */
export function xdsBench(options: { readonly ackTimeoutMs?: number; readonly turns?: StreamTurns } = {}) {
  const cache = new ResourceCache(options.turns ? { turns: options.turns } : {});
  const clock = new ManualClock();
  const ackTimeoutMs = options.ackTimeoutMs ?? 60_000;
  return {
    cache,
    clock,
    responses: new SharedResponses(),
    deadlines: new AckDeadlines(clock, ackTimeoutMs),
    ackTimeoutMs,
  };
}

/** A client's side of a stream without a network: what it was sent and how it ended. */
export class MockClient {
  readonly form: XdsForm;
  readonly stream: XdsStream;
  readonly responses: Read[] = [];
  readonly events: string[] = [];
  readonly ends: string[] = [];
  /** Called with each response as it is written. */
  onResponse: (response: Read) => void = () => undefined;

  constructor(
    bench: ReturnType<typeof xdsBench>,
    form: XdsForm,
    limits: { readonly maxTypes?: number; readonly maxSubscriptions?: number } = {},
  ) {
    this.form = form;
    const { events, ends } = this;
    const observer: XdsObserver = {
      onRequest: (typeUrl, kind) => events.push(`${kind} ${typeUrl}`),
      onSent: () => undefined,
      onAck: () => undefined,
      onNack: (typeUrl, message, refused) => events.push(`nacked ${typeUrl} ${refused?.names}: ${message}`),
      onEnded: (code) => events.push(`ended ${code}`),
      onOverLimit: (limit) => events.push(`over ${limit}`),
    };
    const transport = {
      write: (bytes: Buffer) => {
        if (ends.length > 0) throw new Error('written after the end');
        const response = read(form, bytes);
        this.responses.push(response);
        this.onResponse(response);
      },
      end: (code: string, details: string) => void ends.push(`${code}: ${details}`),
    };
    this.stream = new XdsStream({
      ...bench,
      form,
      transport,
      observer,
      maxTypes: 16,
      maxSubscriptions: 1000,
      ...limits,
    });
  }

  /** Takes what came since the last time. */
  take(): Read[] {
    return this.responses.splice(0);
  }

  delta(typeUrl: string, fields: Partial<DeltaDiscoveryRequest> = {}): void {
    this.stream.receive(
      DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial({ typeUrl, ...fields })).finish(),
    );
  }

  sotw(typeUrl: string, fields: Partial<DiscoveryRequest> = {}): void {
    this.stream.receive(DiscoveryRequest.encode(DiscoveryRequest.fromPartial({ typeUrl, ...fields })).finish());
  }

  /** Acknowledges a delta response. */
  ack({ typeUrl, nonce }: Read, fields: Partial<DeltaDiscoveryRequest> = {}): void {
    this.delta(typeUrl, { responseNonce: nonce, ...fields });
  }

  nack({ typeUrl, nonce }: Read, message: string): void {
    this.delta(typeUrl, { responseNonce: nonce, errorDetail: { code: 3, message } });
  }

  /** Acknowledges a state-of-the-world response, with all names that are wanted. */
  ackSotw({ typeUrl, nonce, version }: Read, resourceNames: string[] = []): void {
    this.sotw(typeUrl, { responseNonce: nonce, versionInfo: version, resourceNames });
  }
}
