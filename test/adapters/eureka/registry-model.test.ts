import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { convertApplication } from '../../../adapters/eureka/applications.js';
import { eurekaSchema } from '../../../adapters/eureka/config.js';
import { PublishedRegistry } from '../../../adapters/eureka/published-registry.js';
import type { ApplicationRecords } from '../../../adapters/eureka/registry-view.js';
import { Tombstones } from '../../../adapters/eureka/tombstones.js';
import { instanceJson } from './listing.js';

const graceMs = 90_000;
const leaseMs = 90_000;

interface Registration {
  readonly id: string;
  readonly weight: number;
  readonly dirtyMs: number;
  readonly registeredMs: number;
  readonly renewedMs: number;
  readonly updatedMs: number;
}

interface Answer {
  readonly instances: readonly Record<string, unknown>[];
  readonly hash: string;
}

type Change =
  | { readonly kind: 'register'; readonly id: string; readonly weight: number; readonly dirtyMs: number }
  | { readonly kind: 'deregister'; readonly id: string }
  | { readonly kind: 'renew'; readonly id: string };

/** A server as far as its answers go: a registry, what changed lately, and a cache of each answer, of its own age. */
class ModelServer {
  readonly registry = new Map<string, Registration>();
  /** The last change of each instance, the last one last. */
  readonly #recent = new Map<string, { readonly last: Registration; readonly deleted: boolean }>();
  #listing: Answer | undefined;
  #delta: Answer | undefined;

  change(change: Change, nowMs: number): void {
    const { id } = change;
    const known = this.registry.get(id);
    const times = { registeredMs: nowMs, renewedMs: nowMs, updatedMs: nowMs };
    if (change.kind === 'register') {
      const { weight, dirtyMs } = change;
      const last = { ...times, id, weight, dirtyMs };
      this.registry.set(id, last);
      this.#tell(last, false);
    } else if (known && change.kind === 'deregister') {
      this.registry.delete(id);
      this.#tell({ ...known, updatedMs: nowMs }, true);
    } else if (known) {
      // As Eureka's Lease.renew has it.
      this.registry.set(id, { ...known, renewedMs: nowMs + leaseMs });
    }
  }

  makeListing(): void {
    const instances = [...this.registry.values()].map((one) => toJson(one, false));
    this.#listing = { instances, hash: this.#hash() };
  }

  makeDelta(): void {
    const instances = [...this.#recent.values()].map(({ last, deleted }) => toJson(last, deleted));
    this.#delta = { instances, hash: this.#hash() };
  }

  get listing(): Answer {
    if (!this.#listing) this.makeListing();
    return this.#listing as Answer;
  }

  get delta(): Answer {
    if (!this.#delta) this.makeDelta();
    return this.#delta as Answer;
  }

  #tell(last: Registration, deleted: boolean): void {
    this.#recent.delete(last.id);
    this.#recent.set(last.id, { last, deleted });
  }

  #hash(): string {
    return this.registry.size === 0 ? '' : `UP_${this.registry.size}_`;
  }
}

/** Reads servers as the source does, without its waits. */
class ModelReader {
  readonly #config = eurekaSchema.parse({ servers: ['http://eureka/eureka'], missingGraceMs: graceMs });
  readonly #tombstones = new Tombstones(600_000);
  #registry = new PublishedRegistry(this.#config, this.#tombstones);
  #server: ModelServer | undefined;

  /** Only what was told gone is known over a restart. */
  restart(): void {
    this.#registry = new PublishedRegistry(this.#config, this.#tombstones);
    this.#server = undefined;
  }

  /** @param wrongHash nothing that the server says of its content is true */
  async poll(server: ModelServer, nowMs: number, wrongHash: boolean): Promise<void> {
    if (this.#server !== server) return this.list(server, nowMs);
    this.#registry.apply([this.#records(server.delta)], nowMs);
    if (wrongHash || server.delta.hash !== this.#registry.hash()) await this.list(server, nowMs);
    this.#registry.expire(nowMs);
  }

  async list(server: ModelServer, nowMs: number): Promise<void> {
    const registry = this.#registry;
    if (this.#server !== server) registry.beginReading();
    const listing = registry.beginListing();
    registry.add(listing, this.#records(server.listing));
    const recent = [this.#records(server.delta)];
    for (const application of recent) listing.view.apply(application);
    await registry.takeOver(listing, recent, nowMs, async () => undefined);
    this.#server = server;
    registry.expire(nowMs);
  }

  fail(): void {
    this.#registry.beginReading();
  }

  /** `id weight` of each instance. */
  get published(): string[] {
    const instances = [...this.#registry.services()].flatMap((service) => service.instances);
    return instances.map(({ id, weight }) => `${id} ${weight}`).sort();
  }

  #records({ instances }: Answer): ApplicationRecords {
    const application = convertApplication({ name: 'A', instance: instances }, this.#config, this.#registry.sharing);
    return application ?? { name: 'A', records: [] };
  }
}

function toJson({ id, weight, dirtyMs, registeredMs, renewedMs, updatedMs }: Registration, deleted: boolean) {
  return instanceJson('A', id, {
    metadata: { weight: `${weight}` },
    lastDirtyTimestamp: `${dirtyMs}`,
    lastUpdatedTimestamp: `${updatedMs}`,
    leaseInfo: { durationInSecs: leaseMs / 1000, registrationTimestamp: registeredMs, lastRenewalTimestamp: renewedMs },
    ...(deleted ? { actionType: 'DELETED' } : {}),
  });
}

const id = fc.constantFrom('a', 'b', 'c');
const server = fc.constantFrom(0, 1);
const step = fc.oneof(
  fc.record({ do: fc.constant('register' as const), server, id, keepsRevision: fc.boolean() }),
  fc.record({ do: fc.constant('deregister' as const), server, id }),
  fc.record({ do: fc.constant('renew' as const), server, id }),
  fc.record({ do: fc.constant('make listing' as const), server }),
  fc.record({ do: fc.constant('make delta' as const), server }),
  fc.record({ do: fc.constant('replicate' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('poll' as const), wrongHash: fc.boolean() }),
  fc.record({ do: fc.constant('list' as const) }),
  fc.record({ do: fc.constant('fail over' as const) }),
  fc.record({ do: fc.constant('fail' as const) }),
  fc.record({ do: fc.constant('restart' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1000, 30_000, graceMs) }),
);

describe('adapters/eureka, what is published of what two servers say', () => {
  it('is in the end what they hold, whatever of it was late, old or lost on the way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const servers = [new ModelServer(), new ModelServer()] as const;
        const reader = new ModelReader();
        const waiting: { readonly to: ModelServer; readonly change: Change }[] = [];
        let nowMs = 1_700_000_000_000;
        let read = 0;
        let weight = 0;
        const at = (index: number) => servers[index] as ModelServer;
        const replicate = (count: number) => {
          for (const { to, change } of waiting.splice(0, count)) to.change(change, nowMs);
        };
        const change = (index: number, made: Change) => {
          at(index).change(made, nowMs);
          waiting.push({ to: at(1 - index), change: made });
        };
        for (const one of steps) {
          nowMs += 100;
          if (one.do === 'register') {
            // Who is about to write here hears of nothing old any more: the order of changes is the same at both.
            replicate(waiting.length);
            weight += 1;
            const known = at(one.server).registry.get(one.id);
            const dirtyMs = one.keepsRevision && known ? known.dirtyMs : nowMs;
            change(one.server, { kind: 'register', id: one.id, weight, dirtyMs });
          } else if (one.do === 'deregister' || one.do === 'renew') {
            change(one.server, { kind: one.do, id: one.id });
          } else if (one.do === 'make listing') at(one.server).makeListing();
          else if (one.do === 'make delta') at(one.server).makeDelta();
          else if (one.do === 'replicate') replicate(one.count);
          else if (one.do === 'poll') await reader.poll(at(read), nowMs, one.wrongHash);
          else if (one.do === 'list') await reader.list(at(read), nowMs);
          else if (one.do === 'fail') reader.fail();
          else if (one.do === 'restart') reader.restart();
          else if (one.do === 'wait') nowMs += one.ms;
          else read = 1 - read;
        }
        nowMs += 1000;
        replicate(waiting.length);
        nowMs += 1000;
        const held = [...at(read).registry.values()].map((entry) => `${entry.id} ${entry.weight * 100}`).sort();

        // Its delta may be old still, and then nothing is missing.
        at(read).makeListing();
        await reader.list(at(read), nowMs);
        const { published } = reader;
        assert.deepEqual(
          held.filter((entry) => !published.includes(entry)),
          [],
          'with a new listing and an old delta',
        );

        at(read).makeDelta();
        await reader.poll(at(read), nowMs, false);
        await reader.list(at(read), nowMs);
        nowMs += graceMs;
        await reader.poll(at(read), nowMs, false);
        assert.deepEqual(reader.published, held, 'when everything is new and the grace is over');
      }),
      { numRuns: 500 },
    );
  });
});
