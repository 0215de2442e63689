import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Clock, systemClock } from '../../../core/plugin/index.js';
import { SourceRun } from '../../../testkit/index.js';
import { FakeNacos, host, refusal } from './fake-nacos.js';
import { makeSource } from './make-source.js';

/** The pause of a second between two services that are asked who subscribes to them takes 20 ms. */
const quickClock: Clock = {
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(ms >= 900 && ms <= 1100 ? 20 : ms, signal),
};
const api = 'providers:com.foo.Api::';

describe('adapters/nacos when a namespace goes', () => {
  let fake: FakeNacos;
  let server: Server;
  let run: SourceRun;
  let namespaces: readonly string[];

  beforeEach(async () => {
    namespaces = ['', 'gray'];
    fake = await FakeNacos.start();
    fake.services.set(`DEFAULT_GROUP@@${api}`, [host('10.0.0.1', { metadata: { protocol: 'dubbo' } })]);
    fake.scripts.set('SubscribeServiceRequest', ({ namespace, serviceName: name }) => {
      if (namespace !== 'gray') return undefined;
      const hosts = [host('10.0.0.2')];
      return { serviceInfo: { name, groupName: 'DEFAULT_GROUP', reachProtectionThreshold: true, hosts } };
    });
    fake.scripts.set('ConfigBatchListenRequest', () => refusal(403, 'no right'));
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://nacos');
      const answers: Readonly<Record<string, unknown>> = {
        '/nacos/v3/admin/core/namespace/list': { data: namespaces.map((namespace) => ({ namespace })) },
        '/nacos/v1/ns/service/subscribers': { subscribers: [{ ip: '10.0.1.1', app: 'shop' }] },
      };
      const answer = answers[pathname];
      response.writeHead(answer ? 200 : 404).end(JSON.stringify(answer ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const place = { servers: [`http://127.0.0.1:${port}/nacos`], grpcPortOffset: fake.port - port };
    const intervals = { listIntervalMs: 100, settleMs: 0, auditIntervalMs: 600_000, subscribersIntervalMs: 1 };
    run = new SourceRun(makeSource({ ...place, ...intervals, groups: ['DEFAULT_GROUP'] }, { clock: quickClock }));
  });

  afterEach(async () => {
    await run.stop();
    fake.stop();
    server.closeAllConnections();
    server.close();
  });

  it('leaves no consumer and no notice behind, but for those of the others', async () => {
    const { recorder } = run;
    await recorder.waitFor(({ synced, notices, declaredConsumers }) => {
      return synced && declaredConsumers.size === 2 && notices.size === 3;
    });
    assert.deepEqual([...recorder.notices.keys()].sort(), ['dubbo-rules gray', 'dubbo-rules public', 'protection']);
    namespaces = [''];
    await recorder.waitFor(({ services }) => services.size === 1, { what: 'the end of the namespace' });
    assert.deepEqual([...recorder.declaredConsumers.keys()], [`public@@DEFAULT_GROUP@@${api}`]);
    assert.deepEqual([...recorder.notices.keys()], ['dubbo-rules public']);
  });
});
