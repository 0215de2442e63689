import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import type { Service, SourceRecord } from '../../core/plugin/index.js';
import { instanceId } from './instance.js';
import { isCredential } from './metadata.js';
import { defaultCluster } from './service-key.js';

const maxRecords = 1000;
const maxRecordLength = 4096;
const secret = '[secret]';
/** As {@link printable} has it. */
const hidden = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The instances of a service as Nacos sends them, with what looks like a credential hidden. */
export function toRecords(hosts: readonly unknown[], service: Service | undefined): readonly SourceRecord[] {
  const published = new Set(service?.instances.map(({ id }) => id));
  return hosts.slice(0, maxRecords).map((host) => {
    const id = instanceId(host);
    return {
      id: printable(isRecord(host) ? endpointOf(host) : ''),
      ...(id !== undefined && published.has(id) && { instance: id }),
      text: toText(host),
    };
  });
}

/** On one line, with nothing hidden in it. */
function toText(host: unknown): string {
  let redacted: string;
  try {
    redacted = JSON.stringify(host, (key, value: unknown) =>
      typeof value === 'string' && isCredential(key, value) ? secret : value,
    );
  } catch {
    return 'nested too deep to be shown';
  }
  const text = redacted.replace(hidden, (mark) => `\\u${(mark.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
  return text.length > maxRecordLength ? `${text.slice(0, maxRecordLength - 1)}…` : text;
}

/** What tells the instances of a service apart, as Nacos sends them. */
function endpointOf({ ip, port, clusterName }: Readonly<Record<string, unknown>>): string {
  return `${String(ip)}:${String(port)}@${clusterName ? String(clusterName) : defaultCluster}`;
}
