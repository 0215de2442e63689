import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { RuleBook } from '../../../adapters/dubbo/rules/rule-book.js';
import type { NacosConnection } from '../../../adapters/nacos/connection.js';
import { DubboRules } from '../../../adapters/nacos/dubbo-rules.js';
import { RequestGate } from '../../../adapters/nacos/request-gate.js';
import { systemClock } from '../../../core/plugin/index.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { type Body, FakeNacos, host, refusal } from './fake-nacos.js';
import { makeSource } from './make-source.js';

const service = 'providers:com.foo.Out$Api:1.0.0:g1';
const key = `public@@DEFAULT_GROUP@@${service}`;
/** As Dubbo writes it into Nacos. */
const dataId = 'com.foo.Out___Api:1.0.0:g1.configurators';
const weight = (value: number) =>
  [
    'configVersion: v3.0',
    'scope: service',
    'key: g1/com.foo.Out$Api:1.0.0',
    'enabled: true',
    'configs:',
    '  - side: provider',
    `    parameters: { weight: ${value} }`,
  ].join('\n');

describe("adapters/nacos with rules of Dubbo's config centre", () => {
  let fake: FakeNacos;
  let run: SourceRun;
  let recorder: Recorder;
  const configs = new Map<string, string>();

  beforeEach(async () => {
    configs.clear();
    fake = await FakeNacos.start();
    const metadata = { protocol: 'dubbo', application: 'shop' };
    fake.services.set(`DEFAULT_GROUP@@${service}`, [host('10.0.0.1', { port: 20_880, metadata })]);
    fake.scripts.set('ConfigBatchListenRequest', ({ configListenContexts }) => {
      const contexts = configListenContexts as readonly Body[];
      return { changedConfigs: contexts.filter((context) => configs.has(String(context['dataId']))) };
    });
    fake.scripts.set('ConfigQueryRequest', (body) => {
      const content = configs.get(String(body['dataId']));
      return content === undefined ? refusal(300, 'config data not exist') : { content };
    });
  });

  afterEach(async () => {
    await run.stop();
    fake.stop();
  });

  const start = async () => {
    const own = {
      namespaces: ['public'],
      groups: ['DEFAULT_GROUP'],
      listIntervalMs: 100,
      settleMs: 0,
      auditIntervalMs: 600_000,
    };
    run = new SourceRun(makeSource({ servers: ['http://127.0.0.1:1'], grpcPortOffset: fake.port - 1, ...own }));
    recorder = run.recorder;
    await recorder.waitFor(({ synced }) => synced, { what: 'the first listing' });
  };
  const weightNow = () => recorder.services.get(key)?.instances[0]?.weight;
  const push = () => fake.push('ConfigChangeNotifyRequest', { group: 'dubbo', dataId });
  const listened = () =>
    fake.received
      .filter(({ type }) => type === 'ConfigBatchListenRequest')
      .flatMap(({ body }) => body['configListenContexts'] as readonly Body[]);

  it('has them in the first listing, and follows them by what is pushed', async () => {
    configs.set(dataId, weight(7));
    await start();
    assert.equal(weightNow(), 7);
    configs.set(dataId, weight(8));
    push();
    await recorder.waitFor(() => weightNow() === 8);
    configs.delete(dataId);
    push();
    await recorder.waitFor(() => weightNow() === 100);
    assert.equal(recorder.notices.size, 0);
  });

  it('watches the ids of the service and of its application, each once, of the right place', async () => {
    await start();
    const ids = listened().map((context) => String(context['dataId']));
    assert.equal(new Set(ids).size, ids.length);
    for (const id of [dataId, 'shop.configurators', 'shop.tag-router']) assert.ok(ids.includes(id), id);
    assert.ok(listened().every(({ group, tenant }) => group === 'dubbo' && tenant === ''));
  });

  it('keeps the rules that it read while they cannot be read, says so, and reads them when it can', async () => {
    configs.set(dataId, weight(7));
    await start();
    const query = fake.scripts.get('ConfigQueryRequest');
    assert.ok(query);
    fake.scripts.set('ConfigQueryRequest', () => refusal(500, 'overload'));
    configs.set(dataId, weight(9));
    push();
    await recorder.waitFor(({ notices }) => /overload/.test(notices.get('dubbo-rules public') ?? ''));
    assert.equal(weightNow(), 7);
    fake.scripts.set('ConfigQueryRequest', query);
    await recorder.waitFor(() => weightNow() === 9);
    await recorder.waitFor(({ notices }) => notices.size === 0);
    assert.deepEqual([...recorder.degradedScopes], []);
  });

  it('says no longer that they cannot be read when another connection can', async () => {
    fake.scripts.set('ConfigBatchListenRequest', () => refusal(500, 'overload'));
    await start();
    await recorder.waitFor(({ notices }) => notices.has('dubbo-rules public'), { what: 'the notice' });
    fake.push('ConnectResetRequest', {});
    fake.scripts.set('ConfigBatchListenRequest', () => ({ changedConfigs: [] }));
    await recorder.waitFor(({ notices }) => notices.size === 0, { what: 'the end of the notice' });
  });

  it('lists without rules when the server refuses them, and says so', async () => {
    fake.scripts.set('ConfigBatchListenRequest', () => refusal(403, 'no right'));
    await start();
    await recorder.waitFor(({ notices }) => /403/.test(notices.get('dubbo-rules public') ?? ''));
    assert.equal(weightNow(), 100);
  });

  it('finds what changed while there was no connection', async () => {
    configs.set(dataId, weight(7));
    await start();
    configs.set(dataId, weight(5));
    fake.push('ConnectResetRequest', {});
    await recorder.waitFor(() => weightNow() === 5, { what: 'the rule of meanwhile' });
  });

  it('makes nothing of a push about what it does not watch', async () => {
    await start();
    const asked = fake.count('ConfigQueryRequest');
    fake.push('ConfigChangeNotifyRequest', { group: 'dubbo', dataId: 'other.configurators' });
    fake.push('ConfigChangeNotifyRequest', { group: 'mine', dataId });
    fake.push('ConfigChangeNotifyRequest', { group: 'dubbo', dataId: 5 });
    await poll(() => fake.count('ConfigChangeNotifyResponse') === 3, { what: 'the pushes to be answered' });
    assert.equal(fake.count('ConfigQueryRequest'), asked);
  });
});

describe('what of the rules counts as read', () => {
  it('is also what was found while others were read', async () => {
    const lost = new AbortController();
    const rules = new DubboRules({
      ...{
        namespace: 'public',
        rules: new RuleBook(),
        gate: new RequestGate(systemClock, 4, 1000),
        clock: systemClock,
      },
      ...{ backoff: { baseMs: 1, maxMs: 1 }, intervalMs: 60_000, pollIntervalMs: 60_000 },
      ...{ onChange: () => undefined, onFailure: () => undefined, onFull: () => undefined },
    });
    const listened: string[] = [];
    let isFirst = true;
    const connection: Pick<NacosConnection, 'protocol' | 'lost' | 'request'> = {
      ...{ protocol: 'grpc', lost: lost.signal },
      async request(_, { configListenContexts }) {
        // The instances tell only now which application they are of.
        if (isFirst) rules.watchApplication('shop');
        isFirst = false;
        await new Promise((resolve) => setTimeout(resolve, 5));
        for (const { dataId } of configListenContexts as readonly Body[]) listened.push(String(dataId));
        return { changedConfigs: [] };
      },
    };
    rules.watchService({ interfaceName: 'com.foo.Api', version: '', group: '' });
    const ended = rules.run(connection as NacosConnection).catch(() => undefined);
    try {
      await rules.settled;
      assert.ok(listened.includes('com.foo.Api::.configurators'));
      assert.ok(listened.includes('shop.configurators'), listened.join());
      // And of what is found after all was read.
      rules.watchApplication('late');
      await rules.settled;
      assert.ok(listened.includes('late.configurators'), listened.join());
    } finally {
      lost.abort();
      await ended;
    }
  });
});
