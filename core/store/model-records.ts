import {
  bareRecord,
  emptyMetadata,
  type Health,
  type Instance,
  isProtocol,
  isRecord,
  type Locality,
  type Metadata,
  type Port,
  type RegistryRule,
  type Rejection,
  type Service,
} from '../model/index.js';
import type { Interner } from './interner.js';

/** A record that is not what this version writes. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

const healths: readonly unknown[] = ['healthy', 'unhealthy', 'draining', 'unknown'] satisfies Health[];
const effects: readonly unknown[] = ['applied', 'carried', 'shown', 'rejected'] satisfies RegistryRule['effect'][];

/**
 * Reads the model's types from parsed JSON of our own files. What has the wrong shape is refused, so that nothing later
 * meets a type it does not expect; what a value means was checked by who published it.
 */
export class ModelReader {
  readonly #interner: Interner;

  constructor(interner: Interner) {
    this.#interner = interner;
  }

  /** @throws RecordError */
  service(value: unknown): Service {
    const record = recordOf(value, 'a service');
    const { rejected, rules } = record;
    return {
      name: text(record['name'], 'a name'),
      attributes: this.metadata(record['attributes']),
      ports: this.ports(record['ports']),
      instances: listOf(record['instances'], 'instances').map((instance) => this.instance(instance)),
      metadata: this.metadata(record['metadata']),
      ...(rejected === undefined ? {} : { rejected: listOf(rejected, 'rejections').map(rejection) }),
      ...(rules === undefined ? {} : { rules: listOf(rules, 'rules').map(rule) }),
    };
  }

  /** @throws RecordError */
  instance(value: unknown): Instance {
    const { id, address, ports, health, weight, locality, network, metadata } = recordOf(value, 'an instance');
    if (!healths.includes(health)) throw new RecordError('a health is none');
    return {
      id: text(id, 'an id'),
      address: text(address, 'an address'),
      ports: portNumbers(ports),
      health: health as Health,
      weight: number(weight, 'a weight'),
      ...(locality === undefined ? {} : { locality: this.#locality(locality) }),
      ...(network === undefined ? {} : { network: this.#interner.of(text(network, 'a network')) }),
      metadata: this.metadata(metadata),
    };
  }

  /** @throws RecordError */
  ports(value: unknown): readonly Port[] {
    return listOf(value, 'ports').map((port) => {
      const record = recordOf(port, 'a port');
      const protocol = text(record['protocol'], 'a protocol');
      if (!isProtocol(protocol)) throw new RecordError('a protocol is none');
      return {
        name: this.#interner.of(text(record['name'], 'a port’s name')),
        number: number(record['number'], 'a port’s number'),
        protocol,
      };
    });
  }

  /** Without a prototype, as every metadata. @throws RecordError */
  metadata(value: unknown): Metadata {
    const record = recordOf(value, 'metadata');
    const metadata = bareRecord();
    let isEmpty = true;
    for (const key of Object.keys(record)) {
      metadata[key] = this.#interner.of(text(record[key], 'a value of metadata'));
      isEmpty = false;
    }
    return isEmpty ? emptyMetadata : metadata;
  }

  #locality(value: unknown): Locality {
    const { region, zone, subzone } = recordOf(value, 'a locality');
    return {
      region: this.#interner.of(text(region, 'a region')),
      zone: this.#interner.of(text(zone, 'a zone')),
      subzone: this.#interner.of(text(subzone, 'a subzone')),
    };
  }
}

export function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new RecordError(`${what} is no object`);
  return value;
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RecordError(`${what} are no list`);
  return value;
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new RecordError(`${what} is no text`);
  return value;
}

export function number(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new RecordError(`${what} is no number`);
  return value;
}

export function flag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw new RecordError(`${what} is neither true nor false`);
  return value;
}

/** @throws RecordError */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new RecordError('a record is no JSON');
  }
}

function portNumbers(value: unknown): Readonly<Record<string, number>> {
  const record = recordOf(value, 'ports of an instance');
  for (const name of Object.keys(record)) number(record[name], 'a port of an instance');
  return record as Readonly<Record<string, number>>;
}

function rejection(value: unknown): Rejection {
  const { record, reason } = recordOf(value, 'a rejection');
  return { record: text(record, 'a rejected record'), reason: text(reason, 'a reason') };
}

function rule(value: unknown): RegistryRule {
  const { id, kind, scope, enabled, effect, reason, text: own } = recordOf(value, 'a rule');
  if (!effects.includes(effect)) throw new RecordError('the effect of a rule is none');
  return {
    id: text(id, 'an id'),
    kind: text(kind, 'a kind'),
    scope: text(scope, 'a scope'),
    enabled: flag(enabled, 'enabled'),
    effect: effect as RegistryRule['effect'],
    ...(reason === undefined ? {} : { reason: text(reason, 'a reason') }),
    text: text(own, 'the text of a rule'),
  };
}
