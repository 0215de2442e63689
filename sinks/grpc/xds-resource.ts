/** One resource as xDS clients get it: encoded once, shared by all streams, never changed. */
export interface XdsResource {
  /** `type.googleapis.com/envoy.config.cluster.v3.Cluster` and its like. */
  readonly typeUrl: string;
  /** Unique within its type. */
  readonly name: string;
  /** Content hash of the bytes: equal on every replica and after every restart. */
  readonly version: string;
  /** The encoded google.protobuf.Any, to be spliced into responses of both forms. */
  readonly any: Buffer;
  /**
   * Which wildcard subscriptions it is part of: those of every client, those of the clients of one gateway
   * (`node.cluster` of their first request), or none, so that it goes to who asks for its name alone.
   */
  readonly wildcard: 'all' | 'none' | { readonly gateway: string };
}

/** A resource that is new or other than before, or one that is gone. */
export type XdsChange =
  | { readonly kind: 'set'; readonly resource: XdsResource }
  | { readonly kind: 'delete'; readonly typeUrl: string; readonly name: string };
