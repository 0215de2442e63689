import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clusterType, endpointType, isPartial, routeType } from '../../../sinks/grpc/push-order.js';
import type { XdsForm } from '../../../sinks/grpc/shared-responses.js';
import type { XdsChange, XdsResource } from '../../../sinks/grpc/xds-resource.js';
import { LateTurns, MockClient, type Read, resource, xdsBench } from '../support/xds-mock.js';

const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const types = [clusterType, endpointType, routeType, secretType];
const names = ['a', 'b', 'c', 'd'];

type Bench = ReturnType<typeof xdsBench>;

/** What the server is to hold: the model of the cache. */
class Store {
  readonly byType = new Map(types.map((type) => [type, new Map<string, XdsResource>()]));

  of(type: string): Map<string, XdsResource> {
    return this.byType.get(type) ?? assert.fail(type);
  }

  take(change: XdsChange): void {
    if (change.kind === 'set') this.of(change.resource.typeUrl).set(change.resource.name, change.resource);
    else this.of(change.typeUrl).delete(change.name);
  }
}

/** One type as a client knows it. */
class Known {
  started = false;
  /** Whether a name was ever given. */
  explicit = false;
  wildcard = false;
  readonly named = new Set<string>();
  /** Name → version that the client has. */
  readonly held = new Map<string, string>();
  /** Versions that it was sent and refused, `name=version`. */
  readonly refused = new Set<string>();
  /** Names that it may be sent though it has them. */
  readonly again = new Set<string>();
  readonly nonces = new Set<string>();
  /** Written to it, and not looked at yet. */
  unanswered: Read | undefined;
  /** What it answered last. */
  last: Read | undefined;
}

/** A client that does what the protocol asks of it, and checks that the server does. */
class ModelClient {
  readonly #bench: Bench;
  readonly #store: Store;
  readonly form: XdsForm;
  readonly gateway: string;
  readonly known = new Map(types.map((type) => [type, new Known()]));
  mock: MockClient;

  constructor(bench: Bench, store: Store, form: XdsForm, gateway: string) {
    this.#bench = bench;
    this.#store = store;
    this.form = form;
    this.gateway = gateway;
    this.mock = this.#connect();
  }

  of(type: string): Known {
    return this.known.get(type) ?? assert.fail(type);
  }

  get isBusy(): boolean {
    return [...this.known.values()].some(({ unanswered }) => unanswered);
  }

  /** Changes what it wants of a type. */
  wish(type: string, add: readonly string[], remove: readonly string[]): void {
    const known = this.of(type);
    const first = !known.started;
    known.started = true;
    const wildcardBefore = known.wildcard;
    if (add.length > 0) known.explicit = true;
    for (const name of remove) {
      if (name === '*') known.wildcard = false;
      else if (known.named.delete(name) && known.wildcard) known.again.add(name);
    }
    for (const name of add) {
      if (name === '*' && !wildcardBefore) for (const each of names) if (!known.named.has(each)) known.again.add(each);
      if (name === '*') known.wildcard = true;
      else if (this.form === 'delta' || !known.named.has(name)) known.again.add(name);
      if (name !== '*') known.named.add(name);
    }
    if (first && add.length === 0) known.wildcard = true;
    // In the state-of-the-world form, nothing named means all until something is.
    if (this.form === 'sotw') known.wildcard = known.wildcard || (known.named.size === 0 && !known.explicit);
    if (wildcardBefore && !known.wildcard) for (const name of known.held.keys()) this.#dropUnwanted(known, name);
    for (const name of remove) this.#dropUnwanted(known, name);
    if (this.form === 'sotw') this.#requestSotw(type, known.last);
    else {
      const node = first ? { node: this.#node } : {};
      this.mock.delta(type, { ...node, resourceNamesSubscribe: [...add], resourceNamesUnsubscribe: [...remove] });
    }
  }

  /** Answers what is in flight; a refusal applies nothing, but of clusters what it does not name. */
  answer(type: string, says: 'names' | 'is vague'): void {
    const known = this.of(type);
    const response = known.unanswered;
    if (!response) return;
    known.unanswered = undefined;
    known.last = response;
    const bad = response.resources.filter((text) => text.includes('=bad'));
    const badNames = bad.map((text) => text.split('=')[0]);
    if (bad.length === 0) {
      this.#apply(type, response, []);
      if (this.form === 'sotw') this.#requestSotw(type, response);
      else this.mock.ack(response);
      return;
    }
    const partly = says === 'names' && type === clusterType;
    if (partly) this.#apply(type, response, bad);
    for (const text of response.resources) {
      if (partly && !bad.includes(text)) continue;
      known.refused.add(text);
      known.again.add(text.split('=')[0] ?? ''); // what came with something bad is sent again without it
    }
    if (!partly) for (const own of response.removed) known.again.add(own);
    const message = says === 'names' ? `cannot take ${badNames.join(', ')}: no` : 'cannot take that';
    if (this.form === 'sotw') {
      this.mock.sotw(type, {
        responseNonce: response.nonce,
        resourceNames: this.#wishes(known),
        errorDetail: { code: 3, message },
      });
    } else this.mock.nack(response, message);
  }

  /** Answers a response that is over. */
  answerOld(type: string, nonce: string): void {
    const known = this.of(type);
    if (!known.last || [known.last, known.unanswered].some((one) => one?.nonce === nonce)) return;
    if (this.form === 'sotw') this.mock.sotw(type, { responseNonce: nonce, resourceNames: this.#wishes(known) });
    else this.mock.delta(type, { responseNonce: nonce });
  }

  reconnect(): void {
    this.mock.stream.close();
    this.mock = this.#connect();
    for (const type of types) {
      const known = this.of(type);
      known.unanswered = undefined;
      known.last = undefined;
      known.nonces.clear();
      known.refused.clear();
      known.again.clear();
      if (!known.started) continue;
      const wishes = this.#wishes(known);
      // A client that wants nothing any more does not ask at all.
      known.started = known.wildcard || known.named.size > 0;
      if (!known.started) {
        known.explicit = false;
        known.held.clear();
        continue;
      }
      known.explicit = wishes.length > 0;
      if (this.form === 'sotw') {
        known.again.add('*');
        this.mock.sotw(type, { node: this.#node, resourceNames: wishes });
        continue;
      }
      for (const own of known.named) if (!known.held.has(own)) known.again.add(own);
      const initialResourceVersions = [...known.held].map(([name, version]) => ({ name, version }));
      this.mock.delta(type, { node: this.#node, resourceNamesSubscribe: wishes, initialResourceVersions });
    }
  }

  /** What it is to have of a type in the end, `name=version`. */
  wanted(type: string): string[] {
    const known = this.of(type);
    return [...this.#store.of(type).values()]
      .filter((one) => this.#wants(known, one))
      .map(({ name, version }) => `${name}=${version}`)
      .sort();
  }

  #connect(): MockClient {
    const mock = new MockClient(this.#bench, this.form);
    mock.onResponse = (response) => this.#check(response);
    return mock;
  }

  get #node() {
    return { id: 'model', cluster: this.gateway, locality: undefined, userAgentName: 'model' };
  }

  #wants(known: Known, { name, wildcard }: XdsResource): boolean {
    if (known.named.has(name)) return true;
    return known.wildcard && (typeof wildcard === 'string' ? wildcard === 'all' : wildcard.gateway === this.gateway);
  }

  #dropUnwanted(known: Known, name: string): void {
    if (!known.named.has(name) && !known.wildcard) known.held.delete(name);
  }

  #wishes(known: Known): string[] {
    return [...(known.wildcard && known.explicit ? ['*'] : []), ...known.named];
  }

  #requestSotw(type: string, last: Read | undefined): void {
    const known = this.of(type);
    this.mock.sotw(type, {
      ...(last ? { responseNonce: last.nonce, versionInfo: last.version } : { node: this.#node }),
      resourceNames: this.#wishes(known),
    });
  }

  /** The rules that each response keeps. */
  #check(response: Read): void {
    const { typeUrl, nonce, resources, removed } = response;
    const known = this.of(typeUrl);
    assert.ok(known.started, `${typeUrl} was never asked for`);
    assert.ok(!known.unanswered, 'two in flight');
    assert.ok(!known.nonces.has(nonce), 'a nonce twice');
    known.nonces.add(nonce);
    known.unanswered = response;
    const store = this.#store.of(typeUrl);
    const told = [...resources.map((text) => text.split('=')[0] ?? ''), ...removed];
    assert.equal(new Set(told).size, told.length, 'a name twice in one response');
    const full = this.form === 'sotw' && !isPartial(typeUrl);
    for (const text of resources) {
      const name = text.split('=')[0] ?? '';
      const newest = store.get(name);
      if (full && !(newest && this.#wants(known, newest))) {
        // What is gone may stay as long as something may refer to it.
        assert.ok(typeUrl === clusterType, `${text} is gone or was not asked for`);
        continue;
      }
      assert.ok(newest && this.#wants(known, newest), `${text} is gone or was not asked for`);
      assert.equal(text, `${name}=${newest.version}`, 'not the newest state');
      if (full) continue;
      const has = known.held.get(name) === newest.version;
      assert.ok(!has || known.again.has(name) || known.again.has('*'), `${text} was sent to who has it`);
    }
    for (const name of removed) {
      const newest = store.get(name);
      assert.ok(!newest || !this.#wants(known, newest), `${name} was told gone and is there`);
      assert.ok(known.held.has(name) || known.again.has(name) || this.#mayHave(known, name), `${name} is not known`);
    }
    if (full) {
      const missing = this.wanted(typeUrl).filter((text) => !resources.includes(text));
      assert.deepEqual(missing, [], 'missing from the whole state');
    }
    for (const name of told) known.again.delete(name);
    known.again.delete('*');
    if (typeUrl === clusterType) {
      // Endpoints of a cluster that changed are sent once more.
      for (const text of resources) this.of(endpointType).again.add(text.split('=')[0] ?? '');
    }
  }

  /** It was sent and refused, or is told what it refused, so the server cannot know. */
  #mayHave(known: Known, name: string): boolean {
    return [...known.refused].some((text) => text.startsWith(`${name}=`));
  }

  #apply(type: string, { resources, removed }: Read, bad: readonly string[]): void {
    const known = this.of(type);
    if (this.form === 'sotw' && !isPartial(type)) {
      const listed = new Set(resources.map((text) => text.split('=')[0]));
      for (const name of known.held.keys()) if (!listed.has(name)) known.held.delete(name);
    }
    for (const text of resources) {
      if (bad.includes(text)) continue;
      const [name = '', version = ''] = text.split('=');
      // What it no longer wants it ignores.
      if (known.named.has(name) || known.wildcard) known.held.set(name, version);
    }
    for (const name of removed) known.held.delete(name);
  }
}

const type = fc.constantFrom(...types);
const name = fc.constantFrom(...names);
const who = fc.nat(2);
const wishes = fc.uniqueArray(fc.constantFrom('*', ...names), { maxLength: 3 });
const change = fc.record({
  type,
  name,
  version: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('v1', 'v2', 'v3') },
    fc.constantFrom('bad1', 'gone', 'gone'),
  ),
  wildcard: fc.constantFrom<XdsResource['wildcard']>('all', 'all', 'none', { gateway: 'edge' }, { gateway: 'other' }),
});
const step = fc.oneof(
  fc.record({ kind: fc.constant('wish' as const), who, type, add: wishes, remove: wishes }),
  fc.record({
    kind: fc.constant('answer' as const),
    who,
    type,
    says: fc.constantFrom('names' as const, 'is vague' as const),
  }),
  fc.record({ kind: fc.constant('old answer' as const), who, type, nonce: fc.constantFrom('junk', '0', '1', '2.1') }),
  fc.record({ kind: fc.constant('reconnect' as const), who }),
  fc.record({ kind: fc.constant('turn' as const), count: fc.constantFrom(1, 2, 3) }),
  fc.record({ kind: fc.constant('change' as const), changes: fc.array(change, { minLength: 1, maxLength: 6 }) }),
  fc.record({ kind: fc.constant('change' as const), changes: fc.array(change, { minLength: 1, maxLength: 6 }) }),
);

interface Drawn {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly wildcard: XdsResource['wildcard'];
}

function toChange({ type: typeUrl, name: own, version, wildcard }: Drawn): XdsChange {
  if (version === 'gone') return { kind: 'delete', typeUrl, name: own };
  return { kind: 'set', resource: resource(typeUrl, own, version, wildcard) };
}

describe('xDS streams, in any order of requests, answers, changes and reconnects', () => {
  it('keep the rules of the protocol, and in the end each client has exactly what it wants, in its newest state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, isLate) => {
        const turns = new LateTurns();
        const bench = xdsBench(isLate ? { turns } : {});
        const store = new Store();
        const clients = [
          new ModelClient(bench, store, 'delta', 'edge'),
          new ModelClient(bench, store, 'sotw', 'edge'),
          new ModelClient(bench, store, 'delta', 'other'),
        ];
        const client = (index: number) => clients[index] ?? assert.fail();
        const apply = (changes: readonly XdsChange[]) => {
          for (const one of changes) store.take(one);
          bench.cache.apply(changes);
        };
        for (const now of steps) {
          if (now.kind === 'wish')
            client(now.who).wish(
              now.type,
              now.add,
              now.remove.filter((one) => !now.add.includes(one)),
            );
          else if (now.kind === 'answer') client(now.who).answer(now.type, now.says);
          else if (now.kind === 'old answer') client(now.who).answerOld(now.type, now.nonce);
          else if (now.kind === 'reconnect') client(now.who).reconnect();
          else if (now.kind === 'turn') turns.next(now.count);
          else apply(now.changes.map(toChange));
        }
        apply([]);
        turns.next();
        for (let round = 0; clients.some(({ isBusy }) => isBusy); round++) {
          assert.ok(round < 200, 'it never comes to rest');
          for (const one of clients) for (const each of types) one.answer(each, 'is vague');
          turns.next();
        }
        for (const one of clients) {
          assert.deepEqual(one.mock.ends, []);
          for (const each of types) {
            const known = one.of(each);
            if (!known.started) continue;
            const wanted = one.wanted(each);
            const poisoned = wanted.some((text) => text.includes('=bad'));
            // Of a whole state with a bad part a client may take nothing, and it cannot be sent in parts.
            if (poisoned && one.form === 'sotw' && !isPartial(each)) continue;
            const held = [...known.held].map(([own, version]) => `${own}=${version}`);
            for (const text of wanted.filter((one) => !one.includes('=bad'))) {
              assert.ok(held.includes(text), `${one.form} lacks ${text} of ${each}: has ${held}`);
            }
            const badNames = wanted.filter((text) => text.includes('=bad')).map((text) => text.split('=')[0] ?? '');
            const extra = held.filter((text) => !wanted.includes(text) && !badNames.includes(text.split('=')[0] ?? ''));
            // In the state of the world, what is gone of endpoints and routes cannot be told.
            if (one.form === 'delta' || !isPartial(each)) assert.deepEqual(extra, [], `${one.form} keeps ${each}`);
            const status = one.mock.stream.types().find(({ typeUrl }) => typeUrl === each);
            assert.deepEqual([status?.pending, status?.lagMs], [0, 0]);
          }
          one.mock.stream.close();
        }
        assert.equal(bench.clock.sleepers, 0);
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 1500) },
    );
  });
});
