import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { type Body, FakeNacos, host, refusal } from './fake-nacos.js';
import { makeSource } from './make-source.js';

const key = (service: string) => `public@@DEFAULT_GROUP@@${service}`;
const inFake = (service: string) => `DEFAULT_GROUP@@${service}`;

describe('adapters/nacos with a server that misbehaves', () => {
  let fake: FakeNacos;
  let run: SourceRun | undefined;
  const metrics = new Registry();

  beforeEach(async () => {
    fake = await FakeNacos.start();
    fake.services.set(inFake('orders'), [host('10.0.0.1')]);
    fake.services.set(inFake('stock'), [host('10.0.0.2')]);
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
    fake.stop();
  });

  const start = (config: Readonly<Record<string, unknown>> = {}): Recorder => {
    const own = { servers: ['http://127.0.0.1:1'], namespaces: ['public'], groups: ['DEFAULT_GROUP'] };
    const source = makeSource(
      { ...own, grpcPortOffset: fake.port - 1, listIntervalMs: 100, settleMs: 0, ...config },
      { metrics },
    );
    run = new SourceRun(source);
    return run.recorder;
  };
  const synced = async (recorder: Recorder) => {
    await recorder.waitFor(({ synced: done, degradedScopes }) => done && degradedScopes.size === 0, { what: 'all' });
    return recorder;
  };
  const address = (recorder: Recorder, service: string) =>
    recorder.services
      .get(key(service))
      ?.instances.map((instance) => instance.address)
      .join();
  const lists = async (more: number) => {
    const from = fake.count('ServiceListRequest');
    await poll(() => fake.count('ServiceListRequest') >= from + more, { what: `${more} more lists` });
  };

  it('reads a server from before 2.3, which refuses requests until it has taken the hello', async () => {
    fake.abilities = undefined;
    fake.scripts.set('HealthCheckRequest', () =>
      fake.count('HealthCheckRequest') < 3 ? refusal(301, 'Connection is unregistered.') : undefined,
    );
    const recorder = await synced(start());
    assert.equal(recorder.services.size, 2);
  });

  it('gives a connection up when the server stops answering, and keeps what it published', async () => {
    const recorder = await synced(start({ keepAliveMs: 100, requestTimeoutMs: 100 }));
    fake.scripts.set('HealthCheckRequest', () => 'silence');
    fake.scripts.set('ServerCheckRequest', () => 'silence');
    await poll(() => fake.connections === 0, { what: 'the connection to be given up' });
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'));
    assert.equal(address(recorder, 'orders'), '10.0.0.1');
    fake.scripts.clear();
    await synced(recorder);
  });

  it('connects anew after bytes that it cannot read, and reads everything again', async () => {
    const recorder = await synced(start());
    fake.services.set(inFake('orders'), [host('10.0.0.9')]);
    fake.pushBytes(Buffer.from([0xff, 0xff, 0xff]));
    await recorder.waitFor(() => address(recorder, 'orders') === '10.0.0.9');
    assert.equal(fake.count('ServerCheckRequest'), 2);
  });

  it('does not let an answer undo a push that overtook it', async () => {
    fake.scripts.set('SubscribeServiceRequest', async ({ serviceName }) => {
      if (serviceName !== 'orders') return undefined;
      const old = { name: 'orders', groupName: 'DEFAULT_GROUP', hosts: [host('10.0.0.1')] };
      fake.pushService(inFake('orders'), [host('10.0.0.7')]);
      await poll(() => fake.count('NotifySubscriberResponse') > 0);
      return { serviceInfo: old };
    });
    const recorder = await synced(start());
    assert.equal(address(recorder, 'orders'), '10.0.0.7');
  });

  it('takes an answer without a list of instances for a failed read, not for an empty service', async () => {
    const recorder = await synced(start());
    fake.scripts.set('SubscribeServiceRequest', () => ({ serviceInfo: { name: 'orders' } }));
    fake.scripts.set('ServiceQueryRequest', () => ({}));
    fake.push('ConnectResetRequest', { serverIp: '203.0.113.1', serverPort: '8848' });
    await recorder.waitFor(({ degradedScopes }) =>
      /no list of instances/.test(degradedScopes.get('public')?.message ?? ''),
    );
    assert.equal(address(recorder, 'orders'), '10.0.0.1');
    fake.scripts.clear();
    await synced(recorder);
  });

  it('publishes no first listing while one service cannot be read, and then the whole', async () => {
    fake.scripts.set('SubscribeServiceRequest', ({ serviceName }) =>
      serviceName === 'stock' ? refusal(500, 'overload') : undefined,
    );
    const recorder = start();
    await recorder.waitFor(({ degradedScopes }) => /stock.*overload/.test(degradedScopes.get('public')?.message ?? ''));
    assert.equal(recorder.services.size, 0);
    fake.scripts.clear();
    await synced(recorder);
    assert.equal(recorder.services.size, 2);
  });

  it('leaves out a service whose name the server itself refuses', async () => {
    fake.scripts.set('SubscribeServiceRequest', ({ serviceName }) =>
      serviceName === 'stock' ? refusal(400, 'illegal name') : undefined,
    );
    const recorder = await synced(start());
    assert.deepEqual([...recorder.services.keys()], [key('orders')]);
  });

  it('keeps a service whose name the server has come to refuse, until no list has it', async () => {
    const recorder = await synced(start());
    const refused = ({ serviceName }: Body) => (serviceName === 'stock' ? refusal(400, 'illegal name') : undefined);
    fake.scripts.set('SubscribeServiceRequest', refused);
    fake.scripts.set('ServiceQueryRequest', refused);
    fake.push('ConnectResetRequest', {});
    await poll(() => fake.count('ServerCheckRequest') === 2, { what: 'the next connection' });
    await lists(4);
    await synced(recorder);
    assert.equal(address(recorder, 'stock'), '10.0.0.2');
    fake.services.delete(inFake('stock'));
    await recorder.waitFor(({ services }) => !services.has(key('stock')), { what: 'the end of the service' });
    const asked = fake.count('ServiceQueryRequest');
    await lists(4);
    assert.equal(fake.count('ServiceQueryRequest'), asked);
    assert.equal(address(recorder, 'orders'), '10.0.0.1');
  });

  it('does not remove a service whose name the server refuses because of a push alone', async () => {
    fake.abilities = { fuzzyWatch: true };
    const recorder = await synced(start({ listIntervalMs: 60_000 }));
    fake.scripts.set('ServiceQueryRequest', () => refusal(400, 'illegal name'));
    const change = { serviceKey: 'public@@DEFAULT_GROUP@@stock', changedType: 'DELETE_SERVICE' };
    fake.push('NamingFuzzyWatchChangeNotifyRequest', change);
    await poll(() => fake.count('ServiceQueryRequest') === 1, { what: 'the service to be asked for' });
    fake.pushService(inFake('orders'), [host('10.0.0.7')]);
    await recorder.waitFor(() => address(recorder, 'orders') === '10.0.0.7');
    assert.equal(address(recorder, 'stock'), '10.0.0.2');
  });

  it('removes nothing that one list lacks, nor what has instances', async () => {
    const recorder = await synced(start());
    let lacking = 1;
    fake.scripts.set('ServiceListRequest', () => (lacking-- > 0 ? { count: 1, serviceNames: ['orders'] } : undefined));
    await lists(4);
    assert.equal(address(recorder, 'stock'), '10.0.0.2');
    assert.equal(fake.count('ServiceQueryRequest'), 0, 'one list was enough to doubt');
    lacking = 1000;
    await poll(() => fake.count('ServiceQueryRequest') > 2, { what: 'the service to be asked for' });
    assert.equal(address(recorder, 'stock'), '10.0.0.2');
    assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
  });

  it('removes what two lists lack and has no instances, ends its subscription, and takes it back', async () => {
    const recorder = await synced(start());
    fake.services.delete(inFake('stock'));
    await recorder.waitFor(({ services }) => !services.has(key('stock')));
    await poll(() => fake.received.some(({ body }) => body['serviceName'] === 'stock' && body['subscribe'] === false));
    fake.services.set(inFake('stock'), [host('10.0.0.3')]);
    await recorder.waitFor(() => address(recorder, 'stock') === '10.0.0.3');
  });

  it('concludes nothing from a list that changed from page to page', async () => {
    const recorder = await synced(start());
    let count = 100;
    fake.scripts.set('ServiceListRequest', () => ({ count: count++ % 2 ? 600 : 601, serviceNames: ['orders'] }));
    await lists(8);
    assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
    assert.equal(fake.count('ServiceQueryRequest'), 0);
    assert.equal(address(recorder, 'stock'), '10.0.0.2');
  });

  it('says so when the names cannot be listed, and removes nothing', async () => {
    const recorder = await synced(start());
    fake.scripts.set('ServiceListRequest', () => refusal(500, 'broken'));
    await recorder.waitFor(({ degradedScopes }) => /broken/.test(degradedScopes.get('public')?.message ?? ''));
    fake.services.set(inFake('orders'), [host('10.0.0.8')]);
    fake.pushService(inFake('orders'));
    await recorder.waitFor(() => address(recorder, 'orders') === '10.0.0.8');
    assert.equal(recorder.services.size, 2);
    fake.scripts.clear();
    await synced(recorder);
  });

  it('finds a change that was never pushed, and counts it', async () => {
    const recorder = await synced(start({ auditIntervalMs: 1000 }));
    fake.services.set(inFake('orders'), [host('10.0.0.6')]);
    await recorder.waitFor(() => address(recorder, 'orders') === '10.0.0.6');
    assert.match(await metrics.metrics(), /isthmus_nacos_audit_differences_total\{source="nacos-test"\} 1/);
  });

  it('takes names that are pushed, and lists them less often then', async () => {
    fake.abilities = { fuzzyWatch: true };
    const recorder = await synced(start({ listIntervalMs: 60_000 }));
    const [watch] = fake.received.filter(({ type }) => type === 'NamingFuzzyWatchRequest');
    assert.equal(watch?.body['groupKeyPattern'], 'public>>DEFAULT_GROUP>>*');
    fake.services.set(inFake('new'), [host('10.0.0.4')]);
    const change = { serviceKey: 'public@@DEFAULT_GROUP@@new' };
    fake.push('NamingFuzzyWatchChangeNotifyRequest', { ...change, changedType: 'ADD_SERVICE' });
    await recorder.waitFor(() => address(recorder, 'new') === '10.0.0.4');
    fake.services.set(inFake('new'), []);
    fake.push('NamingFuzzyWatchChangeNotifyRequest', { ...change, changedType: 'DELETE_SERVICE' });
    await recorder.waitFor(({ services }) => !services.has(key('new')));
    assert.equal(fake.count('ServiceListRequest'), 1);
  });

  it('lists names as often as ever when there are more than the server pushes', async () => {
    fake.abilities = { fuzzyWatch: true };
    fake.scripts.set('NamingFuzzyWatchRequest', () => refusal(50311, 'over limit'));
    const recorder = await synced(start({ listIntervalMs: 3000 }));
    await poll(() => fake.count('ServiceListRequest') > 1, { timeoutMs: 14_000, what: 'the next list' });
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('goes to no server that is not in its list, whoever sends it there', async () => {
    const recorder = await synced(start());
    fake.push('ConnectResetRequest', { serverIp: '203.0.113.1', serverPort: '8848' });
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'));
    await synced(recorder);
    assert.equal(fake.count('ConnectResetResponse'), 1);
    assert.equal(fake.connections, 1);
  });

  it('answers whatever the server asks', async () => {
    await synced(start());
    fake.push('ClientDetectionRequest', {});
    await poll(() => fake.received.some(({ type, body }) => type === 'ClientDetectionResponse' && body['requestId']));
  });
});
