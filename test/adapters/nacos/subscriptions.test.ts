import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import type { NacosConnection } from '../../../adapters/nacos/connection.js';
import { NacosError } from '../../../adapters/nacos/nacos-error.js';
import { RequestGate } from '../../../adapters/nacos/request-gate.js';
import type { ServiceKey } from '../../../adapters/nacos/service-key.js';
import { Subscriptions } from '../../../adapters/nacos/subscriptions.js';
import type { Clock } from '../../../core/plugin/index.js';

let nowMs = 0;
/** Waits for nothing, and no request waits for its turn. */
const hurriedClock: Clock = { now: () => (nowMs += 1000), sleep: () => turn() };

const keyOf = (name: string): ServiceKey => ({ namespace: 'public', group: 'g', name });
const instance = { ip: '10.0.0.1', port: 80 };

/** Requests that wait until the test answers them. */
class HeldConnection {
  readonly waiting: { readonly type: string; readonly settle: (hosts: readonly unknown[] | Error) => void }[] = [];
  readonly connection: NacosConnection = {
    server: undefined as never,
    protocol: 'http',
    lost: new AbortController().signal,
    redirect: undefined,
    can: () => false,
    close: () => undefined,
    request: (type) =>
      new Promise((resolve, reject) => {
        this.waiting.push({
          type,
          settle: (hosts) => (hosts instanceof Error ? reject(hosts) : resolve({ serviceInfo: { hosts } })),
        });
      }),
  };

  answer(hosts: readonly unknown[] | Error): void {
    this.waiting.shift()?.settle(hosts);
  }

  /** Answers all, and what is asked thereupon. */
  async answerAll(hosts: readonly unknown[]): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet++) {
      await turn();
      if (this.waiting.length > 0) quiet = 0;
      while (this.waiting.length > 0) this.answer(hosts);
    }
  }
}

function subscribe(names: readonly string[]) {
  const held = new HeldConnection();
  const removed: string[] = [];
  const subscriptions = new Subscriptions({
    clock: hurriedClock,
    gate: new RequestGate(hurriedClock, 100, 100_000),
    backoff: { baseMs: 1, maxMs: 1 },
    events: {
      instances: () => undefined,
      audited: () => [],
      removed: ({ name }) => removed.push(name),
      failing: () => undefined,
      progress: () => undefined,
      unreadable: () => undefined,
    },
  });
  subscriptions.attach(held.connection, names.map(keyOf));
  return { held, subscriptions, removed };
}

describe('adapters/nacos subscriptions', () => {
  it('waits for nothing of a service that is found gone while it has to be subscribed anew', async () => {
    const { held, subscriptions, removed } = subscribe(['a']);
    await held.answerAll([instance]);
    assert.equal(subscriptions.pending, 0);

    subscriptions.gone(keyOf('a'));
    await turn();
    assert.deepEqual(
      held.waiting.map(({ type }) => type),
      ['ServiceQueryRequest'],
    );
    subscriptions.renew(keyOf('a'));
    assert.equal(subscriptions.pending, 1);
    await held.answerAll([]);
    assert.deepEqual(removed, ['a']);
    assert.equal(subscriptions.pending, 0);
  });

  it('waits for nothing and calls nothing failing once everything was answered, whatever came before', async () => {
    const names = ['a', 'b'];
    const name = fc.constantFrom(...names);
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('add', 'gone', 'renew'), name }),
      fc.record({ kind: fc.constant('listed'), names: fc.subarray(names) }),
      fc.record({ kind: fc.constantFrom('full', 'empty', 'empty', 'failure', 'refused') }),
    );
    const steps = fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 });
    const property = fc.asyncProperty(steps, async (all) => {
      const { held, subscriptions } = subscribe(names);
      for (const [one, isAtOnce] of all) {
        if (!isAtOnce) await turn();
        if ('names' in one) subscriptions.listed(one.names.map(keyOf));
        else if ('name' in one) subscriptions[one.kind as 'add' | 'gone' | 'renew'](keyOf(one.name));
        else if (one.kind === 'full') held.answer([instance]);
        else if (one.kind === 'empty') held.answer([]);
        else if (one.kind === 'failure') held.answer(new NacosError('out of reach', 0));
        else held.answer(new NacosError('invalid parameter', 400));
      }
      await held.answerAll([instance]);
      assert.deepEqual({ pending: subscriptions.pending, failing: subscriptions.failing }, { pending: 0, failing: 0 });
    });
    await fc.assert(property, { numRuns: 1000 });
  });
});
