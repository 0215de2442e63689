import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Clock, deferred, systemClock } from '../../../core/plugin/index.js';
import { SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeNacos, host } from './fake-nacos.js';
import { makeSource } from './make-source.js';

const key = (service: string) => `public@@DEFAULT_GROUP@@${service}`;
const inFake = (service: string) => `DEFAULT_GROUP@@${service}`;
const path = '/nacos/v1/ns/service/subscribers';

/** The pause of a second between two services takes 20 ms. */
const quickClock: Clock = {
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(ms >= 900 && ms <= 1100 ? 20 : ms, signal),
};

describe('adapters/nacos subscribers of a service that goes', () => {
  let fake: FakeNacos;
  let server: Server;
  let run: SourceRun;
  /** Services that were asked for, in order. */
  let asked: string[];
  /** Answers to a service that wait. */
  let held: Map<string, Promise<void>>;

  beforeEach(async () => {
    asked = [];
    held = new Map();
    fake = await FakeNacos.start();
    for (const service of ['orders', 'stock']) fake.services.set(inFake(service), [host('10.0.0.1')]);
    server = createServer(async (request, response) => {
      const url = new URL(request.url ?? '', 'http://nacos');
      const service = url.searchParams.get('serviceName')?.split('@@')[1] ?? '';
      if (url.pathname !== path) return void response.writeHead(404).end();
      asked.push(service);
      await held.get(service);
      response.end(JSON.stringify({ subscribers: [{ ip: '10.0.1.1', app: 'shop' }] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const place = { servers: [`http://127.0.0.1:${port}/nacos`], grpcPortOffset: fake.port - port };
    const intervals = { listIntervalMs: 100, settleMs: 0, auditIntervalMs: 600_000, subscribersIntervalMs: 1 };
    const what = { namespaces: ['public'], groups: ['DEFAULT_GROUP'] };
    run = new SourceRun(makeSource({ ...place, ...intervals, ...what }, { clock: quickClock }));
    await run.recorder.waitFor(({ declaredConsumers }) => declaredConsumers.size === 2, { what: 'the subscribers' });
  });

  afterEach(async () => {
    await run.stop();
    fake.stop();
    server.closeAllConnections();
    server.close();
  });

  /** The service goes while the answer about one waits, which comes then; resolves when a whole round was asked after. */
  const goesDuring = async (gone: string, waiting: string) => {
    const { recorder } = run;
    const answer = deferred();
    held.set(waiting, answer.promise);
    const from = asked.length;
    await poll(() => asked.slice(from).includes(waiting), { intervalMs: 5, what: 'the service to be asked for' });
    fake.services.delete(inFake(gone));
    await recorder.waitFor(({ services }) => !services.has(key(gone)), { what: 'the end of the service' });
    assert.deepEqual([...recorder.declaredConsumers.keys()], [key('orders')]);
    asked.length = 0;
    held.clear();
    answer.resolve();
    await poll(() => asked.filter((one) => one === 'orders').length >= 3, { intervalMs: 5, what: 'the next rounds' });
    assert.deepEqual([...recorder.declaredConsumers.keys()], [key('orders')]);
  };

  it('are not brought back by an answer that was under way', async () => {
    await goesDuring('stock', 'stock');
  });

  it('are not asked for by the round that began before', async () => {
    await goesDuring('stock', 'orders');
    assert.ok(!asked.includes('stock'), asked.join());
  });
});
