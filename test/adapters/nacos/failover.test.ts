import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { FakeNacos, host, refusal } from './fake-nacos.js';
import { makeSource } from './make-source.js';

const key = (service: string) => `public@@DEFAULT_GROUP@@${service}`;
const inFake = (service: string) => `DEFAULT_GROUP@@${service}`;

describe('adapters/nacos with several servers', () => {
  let fakes: FakeNacos[];
  let proxies: TcpProxy[];
  let run: SourceRun;
  let recorder: Recorder;

  beforeEach(async () => {
    fakes = [await FakeNacos.start(), await FakeNacos.start()];
    for (const fake of fakes) fake.services.set(inFake('orders'), [host('10.0.0.1')]);
    proxies = await Promise.all(fakes.map(({ port }) => TcpProxy.start({ port })));
    const own = { namespaces: ['public'], groups: ['DEFAULT_GROUP'], listIntervalMs: 100, settleMs: 0, mode: 'grpc' };
    const servers = proxies.map(({ port }) => `http://127.0.0.1:${port - 1}`);
    run = new SourceRun(makeSource({ ...own, servers, grpcPortOffset: 1, keepAliveMs: 200, requestTimeoutMs: 500 }));
    recorder = run.recorder;
    await whole();
  });

  afterEach(async () => {
    await run.stop();
    for (const proxy of proxies) await proxy.close();
    for (const fake of fakes) fake.stop();
  });

  const whole = () =>
    recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.size === 0, { what: 'the whole' });
  /** The server that is read, and the other one. */
  const places = () => {
    const at = fakes.findIndex(({ connections }) => connections > 0);
    const [used, other] = [fakes[at], fakes[1 - at]];
    const [proxy, otherProxy] = [proxies[at], proxies[1 - at]];
    assert.ok(used && other && proxy && otherProxy);
    return { used, other, proxy, otherProxy };
  };
  const address = () => recorder.services.get(key('orders'))?.instances[0]?.address;
  const removedNothing = () =>
    assert.ok(
      recorder.events.every(
        (event) => event.kind !== 'remove' && !(event.kind === 'upsert' && event.service.instances.length === 0),
      ),
    );

  it('goes on with the other one when its connection is cut in the middle of an answer', async () => {
    const { other, proxy } = places();
    other.services.set(inFake('orders'), [host('10.0.0.2')]);
    proxy.cutAfter(20, 'refuse');
    await recorder.waitFor(() => address() === '10.0.0.2', { what: 'the other server' });
    await whole();
    removedNothing();
  });

  it('goes on with the other one when the one hangs', async () => {
    const { other, proxy } = places();
    other.services.set(inFake('orders'), [host('10.0.0.2')]);
    proxy.blackHole();
    await recorder.waitFor(() => address() === '10.0.0.2', { what: 'the other server' });
    await whole();
    removedNothing();
  });

  it('leaves a server that answers and cannot list for one that can', async () => {
    const { used, other } = places();
    used.scripts.set('ServiceListRequest', () => refusal(503, 'server is DOWN now, please try again later!'));
    await recorder.waitFor(({ degradedScopes }) => /DOWN/.test(degradedScopes.get('public')?.message ?? ''));
    await poll(() => other.connections > 0 && used.connections === 0, { what: 'the other server to be read' });
    await whole();
    removedNothing();
  });

  it('keeps what it published while both are away, and comes back to either', async () => {
    for (const proxy of proxies) proxy.refuse();
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'));
    assert.equal(address(), '10.0.0.1');
    proxies[1]?.pass();
    fakes[1]?.services.set(inFake('orders'), [host('10.0.0.3')]);
    await recorder.waitFor(() => address() === '10.0.0.3');
    await whole();
    removedNothing();
  });

  it('keeps what it published through a server that was restarted with nothing, for the time it is given', async () => {
    await run.stop();
    const servers = [`http://127.0.0.1:${(proxies[0]?.port ?? 0) - 1}`];
    const own = {
      namespaces: ['public'],
      groups: ['DEFAULT_GROUP'],
      listIntervalMs: 100,
      settleMs: 1500,
      mode: 'grpc',
    };
    run = new SourceRun(makeSource({ ...own, servers, grpcPortOffset: 1 }));
    recorder = run.recorder;
    await whole();
    fakes[0]?.services.set(inFake('orders'), []);
    proxies[0]?.drop();
    await recorder.waitFor(({ degradedScopes }) => /lack instances/.test(degradedScopes.get('public')?.message ?? ''));
    assert.equal(address(), '10.0.0.1');
    fakes[0]?.services.set(inFake('orders'), [host('10.0.0.1')]);
    fakes[0]?.pushService(inFake('orders'));
    await whole();
    removedNothing();
  });
});
