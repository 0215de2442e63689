import type { Consumer, Service } from '../core/model/index.js';
import type { AuditReport } from '../core/source/audit-report.js';

/** One call of the source under test, in the order they came. */
export type RecordedEvent =
  | { readonly kind: 'replaceAll'; readonly services: ReadonlyMap<string, Service> }
  | { readonly kind: 'upsert'; readonly service: Service }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'degraded'; readonly reason: Error; readonly scope: string }
  | { readonly kind: 'recovered'; readonly scope: string }
  | { readonly kind: 'notice'; readonly key: string; readonly text: string | undefined }
  | { readonly kind: 'consumers'; readonly service: string; readonly consumers: readonly Consumer[] }
  | { readonly kind: 'audited'; readonly report: AuditReport }
  /** A run that rejected; noted by whoever runs the source. */
  | { readonly kind: 'failed'; readonly reason: Error };
