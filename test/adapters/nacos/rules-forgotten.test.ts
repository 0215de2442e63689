import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { RuleBook } from '../../../adapters/dubbo/rules/rule-book.js';
import type { NacosConnection } from '../../../adapters/nacos/connection.js';
import { DubboRules } from '../../../adapters/nacos/dubbo-rules.js';
import { configNotFound, NacosError } from '../../../adapters/nacos/nacos-error.js';
import { RequestGate } from '../../../adapters/nacos/request-gate.js';
import { systemClock } from '../../../core/plugin/index.js';
import { ManualClock } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import type { Body } from './fake-nacos.js';

const rule = (application: string) =>
  ['configVersion: v3.0', 'scope: application', `key: ${application}`, 'enabled: true', 'configs: []'].join('\n');
const idOf = (application: string) => `${application}.configurators`;

describe('adapters/nacos rules of what is not there any more', () => {
  let lost: AbortController;
  let clock: ManualClock;
  let book: RuleBook;
  let rules: DubboRules;
  let full: boolean[];
  let texts: Map<string, string>;
  /** Ids that were listened to, with what was said to be known of them. */
  let listened: Body[];
  /** Called before an answer. */
  let during: (type: string) => void;
  let ended: Promise<unknown>;

  beforeEach(() => {
    lost = new AbortController();
    clock = new ManualClock();
    book = new RuleBook();
    full = [];
    texts = new Map();
    listened = [];
    during = () => undefined;
    rules = new DubboRules({
      ...{ namespace: 'public', rules: book, clock, gate: new RequestGate(systemClock, 4, 100_000) },
      ...{ backoff: { baseMs: 1, maxMs: 1 }, intervalMs: 60_000, pollIntervalMs: 60_000, maxRules: 15 },
      ...{ onChange: () => undefined, onFailure: () => undefined, onFull: (isFull) => full.push(isFull) },
    });
    const connection: Pick<NacosConnection, 'protocol' | 'lost' | 'request'> = {
      ...{ protocol: 'grpc', lost: lost.signal },
      async request(type, { configListenContexts, dataId }) {
        await new Promise((resolve) => setImmediate(resolve));
        if (type === 'ConfigQueryRequest') {
          const content = texts.get(String(dataId));
          during(type);
          if (content === undefined) throw new NacosError('config data not exist', configNotFound);
          return { content };
        }
        const contexts = configListenContexts as readonly Body[];
        listened.push(...contexts);
        const changedConfigs = contexts.filter((one) => (one['md5'] === '') === texts.has(String(one['dataId'])));
        during(type);
        return { changedConfigs };
      },
    };
    ended = rules.run(connection as NacosConnection).catch(() => undefined);
  });

  afterEach(async () => {
    lost.abort();
    await ended;
  });

  const held = () => [...book.dataIds];
  const timesListened = (id: string) => listened.filter(({ dataId }) => dataId === id).length;
  const once = (type: string, action: () => void) => {
    during = (asked) => {
      if (asked !== type) return;
      during = () => undefined;
      action();
    };
  };

  it('are forgotten, and read anew when it is back', async () => {
    texts.set(idOf('shop'), rule('shop'));
    rules.watchApplication('shop');
    rules.watchApplication('basket');
    await rules.settled;
    assert.deepEqual(held(), [idOf('shop')]);
    rules.unwatchApplication('shop');
    assert.deepEqual(held(), []);
    rules.pushed({ type: 'ConfigChangeNotifyRequest', body: { dataId: idOf('shop'), group: 'dubbo' } });
    rules.watchApplication('late');
    await rules.settled;
    assert.deepEqual([held(), timesListened(idOf('shop'))], [[], 1]);
    rules.watchApplication('shop');
    rules.unwatchApplication('late');
    await rules.settled;
    assert.deepEqual([held(), timesListened(idOf('shop'))], [[idOf('shop')], 2]);
    for (const name of ['shop', 'basket']) rules.unwatchApplication(name);
    assert.deepEqual(held(), []);
  });

  it('do not keep the rest from being all that is to be read when it goes while they are asked for', async () => {
    once('ConfigBatchListenRequest', () => rules.unwatchApplication('shop'));
    rules.watchApplication('shop');
    rules.watchApplication('basket');
    await rules.settled;
    rules.watchApplication('late');
    await rules.settled;
    assert.equal(timesListened(idOf('late')), 1);
  });

  it('are read anew when it goes and is back while they are asked for by what was known', async () => {
    texts.set(idOf('shop'), rule('shop'));
    rules.watchApplication('shop');
    await rules.settled;
    once('ConfigBatchListenRequest', () => {
      rules.unwatchApplication('shop');
      rules.watchApplication('shop');
    });
    // In its turn all is asked for again, by what is known of it.
    await clock.advance(60_000);
    await poll(() => held().length === 1 && timesListened(idOf('shop')) === 3, { intervalMs: 5, timeoutMs: 5000 });
    assert.notEqual(listened.filter(({ dataId }) => dataId === idOf('shop'))[1]?.['md5'], '');
  });

  it('are not kept when it goes while one of them is read', async () => {
    texts.set(idOf('shop'), rule('shop'));
    let isGone = false;
    once('ConfigQueryRequest', () => {
      rules.unwatchApplication('shop');
      isGone = true;
    });
    rules.watchApplication('shop');
    rules.watchApplication('basket');
    await rules.settled;
    assert.deepEqual([held(), isGone], [[], true]);
  });

  it('stay where another name that is still there is written alike', async () => {
    texts.set('a-b.configurators', rule('a-b'));
    rules.watchApplication('a-b');
    rules.watchApplication('a/b');
    await rules.settled;
    rules.unwatchApplication('a/b');
    assert.deepEqual(held(), ['a-b.configurators']);
    rules.unwatchApplication('a-b');
    assert.deepEqual(held(), []);
  });

  it('make room for what there was none for, of which is told once', async () => {
    texts.set(idOf('third'), rule('third'));
    for (const name of ['first', 'second', 'third', 'fourth', 'third']) rules.watchApplication(name);
    await rules.settled;
    assert.deepEqual([full, held()], [[true], []]);
    rules.unwatchApplication('first');
    await rules.settled;
    assert.deepEqual([full, held()], [[true], [idOf('third')]]);
    rules.unwatchApplication('fourth');
    assert.deepEqual(full, [true, false]);
    rules.unwatchApplication('second');
    assert.deepEqual(full, [true, false]);
  });
});
