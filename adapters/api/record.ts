import type { SourceRecord } from '../../core/plugin/index.js';
import type { RegisteredInstance } from './model.js';
import { publicMetadata } from './public-metadata.js';

const maxLength = 4096;
/** What JSON leaves as it is and hides text, or turns its direction. */
const hidden = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A registration, for operators: everything but the values that look like credentials. */
export function toRecord(source: string, service: string, instance: RegisteredInstance): SourceRecord {
  const { eureka, ...own } = instance;
  const shown = {
    ...own,
    metadata: redacted(own.metadata),
    ...(eureka && { eureka: { ...eureka, metadata: redacted(eureka.metadata), texts: redacted(eureka.texts) } }),
  };
  return {
    id: `${source}/services/${service}/instances/${instance.id}`,
    instance: instance.id,
    ...(eureka && { revision: String(eureka.lastDirtyMs) }),
    text: JSON.stringify(shown).replace(hidden, escaped).slice(0, maxLength),
  };
}

function redacted(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const shown = publicMetadata(metadata);
  return Object.fromEntries(Object.keys(metadata).map((key) => [key, shown[key] ?? '[secret]']));
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}
