import type { Freeze } from '../guard/hold.js';
import type { Service } from '../model/index.js';
import type { Interner } from '../store/interner.js';
import { maxRecordBytes } from '../store/log-format.js';
import { listOf, ModelReader, number, parseJson, RecordError, recordOf, text } from '../store/model-records.js';
import type { StoredHold, StoredTrust } from './warm-store.js';

/** What a source's log consists of; the first byte says which, then comes JSON. */
const putMark = 0x50; // P
const removeMark = 0x52; // R
const trustMark = 0x54; // T
const newline = 0x0a;

/** The name stands before the service, on a line of its own, so that a service that was replaced since is never parsed. */
export function encodePut(service: Service): Buffer {
  return Buffer.from(`P${JSON.stringify(service.name)}\n${JSON.stringify(service)}`);
}

export function encodeRemove(name: string): Buffer {
  return Buffer.from(`R${JSON.stringify(name)}`);
}

/** Without the holds when they are too many for a record: they begin anew after a restart then. */
export function encodeTrust(trust: StoredTrust): Buffer {
  const payload = Buffer.from(`T${JSON.stringify(trust)}`);
  return payload.length <= maxRecordBytes ? payload : Buffer.from(`T${JSON.stringify({ ...trust, holds: [] })}`);
}

/** What the records of a source's log, taken in order, come to. */
export class SourceReplay {
  readonly #model: ModelReader;
  /** The JSON of what is left, by name. */
  readonly #services = new Map<string, Buffer>();
  #trust: StoredTrust | undefined;

  constructor(interner: Interner) {
    this.#model = new ModelReader(interner);
  }

  /** @throws RecordError */
  take(payload: Buffer): void {
    const body = payload.subarray(1);
    switch (payload[0]) {
      case putMark: {
        const lineEnd = body.indexOf(newline);
        this.#services.set(readName(body.subarray(0, Math.max(0, lineEnd))), body.subarray(lineEnd + 1));
        break;
      }
      case removeMark:
        this.#services.delete(readName(body));
        break;
      case trustMark:
        this.#trust = readTrust(parseJson(body));
        break;
      default:
        throw new RecordError('a record is of no known kind');
    }
  }

  /** Undefined when the log says nothing of it: then it is no state that was ever whole. */
  get trust(): StoredTrust | undefined {
    return this.#trust;
  }

  /** What is left in the end, read only now. @throws RecordError when iterated */
  *services(): Generator<{ readonly service: Service; readonly bytes: number }> {
    for (const [name, json] of this.#services) {
      const service = this.#model.service(parseJson(json));
      if (service.name !== name) throw new RecordError('a service has another name than its record');
      yield { service, bytes: json.length };
    }
  }
}

function readName(json: Buffer): string {
  return text(parseJson(json), 'a name');
}

function readTrust(value: unknown): StoredTrust {
  const record = recordOf(value, 'trust');
  return {
    confirmedMs: number(record['confirmedMs'], 'a time'),
    degraded: listOf(record['degraded'], 'scopes').map((degraded) => {
      const { scope, sinceMs } = recordOf(degraded, 'a scope');
      return { scope: text(scope, 'a scope'), sinceMs: number(sinceMs, 'a time') };
    }),
    holds: listOf(record['holds'], 'holds').map(readHold),
    // Files of before orders were kept have none.
    freezes: listOf(record['freezes'] ?? [], 'freezes').map(readFreeze),
  };
}

function readFreeze(value: unknown): Freeze {
  const { service, reason, sinceMs, untilMs } = recordOf(value, 'a freeze');
  return {
    service: text(service, 'a service'),
    reason: text(reason, 'a reason'),
    sinceMs: number(sinceMs, 'a time'),
    untilMs: number(untilMs, 'a time'),
  };
}

function readHold(value: unknown): StoredHold {
  const { service, guard, reason, sinceMs, untilMs, instances } = recordOf(value, 'a hold');
  return {
    service: text(service, 'a service'),
    guard: text(guard, 'a guard'),
    reason: text(reason, 'a reason'),
    sinceMs: number(sinceMs, 'a time'),
    untilMs: number(untilMs, 'a time'),
    instances: listOf(instances, 'instances').map((id) => text(id, 'an id')),
  };
}
