import type { Service } from '../core/model/index.js';

/** One call of the source under test, in the order they came. */
export type RecordedEvent =
  | { readonly kind: 'replaceAll'; readonly services: ReadonlyMap<string, Service> }
  | { readonly kind: 'upsert'; readonly service: Service }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'degraded'; readonly reason: Error; readonly scope: string }
  | { readonly kind: 'recovered'; readonly scope: string }
  /** A run that rejected; noted by whoever runs the source. */
  | { readonly kind: 'failed'; readonly reason: Error };
