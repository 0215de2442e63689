import type { CatalogService } from '../catalog/catalog.js';
import type { Instance } from '../model/index.js';
import type { Interner } from '../store/interner.js';
import { flag, listOf, ModelReader, number, RecordError, recordOf, text } from '../store/model-records.js';
import type {
  ChangedInstance,
  ChangeEntry,
  HistoryCause,
  HistoryEntry,
  HostDelta,
  InstanceBefore,
  MarkEntry,
  RemovedInstance,
} from './entry.js';

/** What a line begins with: read without the rest, so that a reader passes over what it does not want. */
export interface LineHead {
  /** Empty for a mark. */
  readonly host: string;
  /** Content hash after the change; empty when the host is gone. */
  readonly version: string;
  readonly atMs: number;
}

/** One line of JSON, without the newline. The first three keys are fixed: see {@link headOf}. */
export function encodeEntry(entry: HistoryEntry): string {
  if (!('host' in entry)) return JSON.stringify({ host: '', version: '', atMs: entry.atMs, mark: entry });
  const { host, version, atMs, ...rest } = entry;
  return JSON.stringify({ host, version, atMs, ...rest });
}

/** A line of a checkpoint. */
export function encodeState({ host, version, ports, metadata, origins }: CatalogService): string {
  const kept = origins.map(({ attributes: _, ...origin }) => origin);
  return JSON.stringify({ host, version, atMs: 0, ports, metadata, origins: kept });
}

const headPattern = /^\{"host":"([^"\\]*)","version":"([^"\\]*)","atMs":(\d{1,16})[,}]/;

/** @throws RecordError */
export function headOf(line: string): LineHead {
  const [, host, version, atMs] = headPattern.exec(line) ?? [];
  if (host === undefined || version === undefined) throw new RecordError('a line is not of a history');
  return { host, version, atMs: Number(atMs) };
}

/** Reads the lines that a reader wants. */
export class LineReader {
  readonly #model: ModelReader;

  constructor(interner: Interner) {
    this.#model = new ModelReader(interner);
  }

  /** @throws RecordError */
  state(line: string): CatalogService {
    const record = recordOf(parse(line), 'a service');
    return {
      host: text(record['host'], 'a host'),
      ports: this.#model.ports(record['ports']),
      metadata: this.#model.metadata(record['metadata']),
      origins: listOf(record['origins'], 'origins').map((value) => {
        const { source, service, active, instances } = recordOf(value, 'an origin');
        return {
          source: text(source, 'a source'),
          service: text(service, 'a service'),
          active: flag(active, 'active'),
          instances: this.#instances(instances),
        };
      }),
      version: text(record['version'], 'a version'),
    };
  }

  /** @throws RecordError */
  entry(line: string): HistoryEntry {
    const record = recordOf(parse(line), 'an entry');
    const atMs = number(record['atMs'], 'a time');
    if (record['mark'] !== undefined) return mark(recordOf(record['mark'], 'a mark'), atMs);
    const change: ChangeEntry = {
      atMs,
      host: text(record['host'], 'a host'),
      source: text(record['source'], 'a source'),
      service: text(record['service'], 'a service'),
      cause: cause(record['cause']),
      ...this.#delta(record),
    };
    return change;
  }

  #delta(record: Readonly<Record<string, unknown>>): HostDelta {
    const { kind, ports, portsBefore, metadata, metadataBefore } = record;
    if (kind !== 'added' && kind !== 'changed' && kind !== 'removed') throw new RecordError('a change is of no kind');
    return {
      kind,
      version: text(record['version'], 'a version'),
      ...(ports === undefined ? {} : { ports: this.#model.ports(ports) }),
      ...(portsBefore === undefined ? {} : { portsBefore: this.#model.ports(portsBefore) }),
      ...(metadata === undefined ? {} : { metadata: this.#model.metadata(metadata) }),
      ...(metadataBefore === undefined ? {} : { metadataBefore: this.#model.metadata(metadataBefore) }),
      origins: listOf(record['origins'], 'origins').map((value) => {
        const { source, service, active, wasActive, added, changed, removed, isGone } = recordOf(value, 'an origin');
        return {
          source: text(source, 'a source'),
          service: text(service, 'a service'),
          active: flag(active, 'active'),
          ...(wasActive === undefined ? {} : { wasActive: flag(wasActive, 'active before') }),
          added: this.#instances(added),
          changed: listOf(changed, 'changes').map((change) => this.#changed(change)),
          removed: listOf(removed, 'removals').map(removedInstance),
          ...(isGone === true ? { isGone } : {}),
        };
      }),
    };
  }

  #instances(value: unknown): readonly Instance[] {
    return listOf(value, 'instances').map((instance) => this.#model.instance(instance));
  }

  #changed(value: unknown): ChangedInstance {
    const { instance, was } = recordOf(value, 'a changed instance');
    // Only shown, and nothing is made of it.
    return { instance: this.#model.instance(instance), was: recordOf(was, 'what was before') as InstanceBefore };
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new RecordError('a line is no JSON');
  }
}

function removedInstance(value: unknown): RemovedInstance {
  const { id, address, ports } = recordOf(value, 'a removed instance');
  const numbers = recordOf(ports, 'ports of an instance');
  for (const name of Object.keys(numbers)) number(numbers[name], 'a port of an instance');
  return {
    id: text(id, 'an id'),
    address: text(address, 'an address'),
    ports: numbers as RemovedInstance['ports'],
  };
}

function cause(value: unknown): HistoryCause {
  const { kind, detail } = recordOf(value, 'a cause');
  if (kind === 'guard' || kind === 'operator') return { kind, detail: text(detail, 'a detail') };
  if (kind === 'registry' || kind === 'restored' || kind === 'restart' || kind === 'config') return { kind };
  throw new RecordError('a cause is of no kind');
}

function mark(record: Readonly<Record<string, unknown>>, atMs: number): MarkEntry {
  const { kind, version, config, configChanged, dropped } = record;
  if (kind === 'stopped') return { kind, atMs };
  if (kind === 'gap') return { kind, atMs, dropped: number(dropped, 'a count') };
  if (kind !== 'started') throw new RecordError('a mark is of no kind');
  return {
    kind,
    atMs,
    version: text(version, 'a version'),
    config: text(config, 'a hash'),
    configChanged: flag(configChanged, 'configChanged'),
  };
}
