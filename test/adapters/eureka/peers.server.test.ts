import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import { type EurekaServer, startLinkedEurekaPeers } from '../../servers/eureka.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeDeps, makeSource } from './make-source.js';

const deadlineMs = 60_000;

describe('adapters/eureka source, two peers', function () {
  this.timeout(300_000);
  let first: EurekaServer;
  let second: EurekaServer;
  let links: readonly TcpProxy[] = [];
  let writer: EurekaWriter;
  let run: SourceRun | undefined;

  before(async () => {
    const peers = await startLinkedEurekaPeers();
    [first, second] = peers.servers as [EurekaServer, EurekaServer];
    links = peers.links;
    writer = new EurekaWriter(first.url);
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });
  after(async () => {
    await Promise.all([first?.kill(), second?.kill()]);
    await Promise.all(links.map((link) => link.close()));
  });

  const ids = (name: string) =>
    run?.recorder.services
      .get(name)
      ?.instances.map(({ id }) => id)
      .join();

  async function isListed({ url }: EurekaServer, application: string, id: string): Promise<boolean> {
    const { status } = await http(`${url}/apps/${application}/${id}`, { headers: { accept: 'application/json' } });
    return status === 200;
  }

  it('loses nothing and brings nothing back as one after the other fails, with changes in between', async () => {
    for (const id of ['a', 'b']) await writer.register('ORDERS', { id, address: '10.5.0.1', port: 8000 });
    await poll(async () => (await isListed(second, 'ORDERS', 'a')) && (await isListed(second, 'ORDERS', 'b')), {
      timeoutMs: deadlineMs,
    });
    run = new SourceRun(makeSource({ servers: [first.url, second.url], requestTimeoutMs: 2000 }));
    const { recorder } = run;
    await recorder.waitFor(() => ids('ORDERS') === 'a,b', { deadlineMs });

    // The second one is cut off from its peer: it does not hear that b goes, nor that c comes.
    links[1]?.refuse();
    await writer.deregister('ORDERS', 'b');
    await writer.register('ORDERS', { id: 'c', address: '10.5.0.3', port: 8000 });
    await recorder.waitFor(() => ids('ORDERS') === 'a,c', { deadlineMs });

    const seen = new Set<string>();
    const stop = recorder.onEvent(() => seen.add(ids('ORDERS') ?? ''));
    await first.kill();
    await recorder.waitFor(({ notices }) => notices.has('lagging server'), { deadlineMs, what: 'failover' });
    assert.equal(await isListed(second, 'ORDERS', 'b'), true, 'the second server lists b still');
    assert.equal(await isListed(second, 'ORDERS', 'c'), false, 'the second server does not know c');
    assert.ok(recorder.degradedScopes.has('missing instances'));

    // Changes at the second one arrive meanwhile.
    const other = new EurekaWriter(second.url);
    await other.register('ORDERS', { id: 'd', address: '10.5.0.4', port: 8000 });
    await recorder.waitFor(() => ids('ORDERS') === 'a,c,d', { deadlineMs });
    await other.register('ORDERS', { id: 'b', address: '10.5.0.2', port: 8001 });
    await recorder.waitFor(() => ids('ORDERS') === 'a,b,c,d', { deadlineMs, what: 'b, which has registered anew' });
    await recorder.waitFor(({ notices }) => !notices.has('lagging server'), { deadlineMs });
    stop();
    assert.deepEqual([...seen].sort(), ['a,b,c,d', 'a,c', 'a,c,d']);
    links[1]?.pass();
    await first.start();
  });

  it('brings nothing back when it is restarted while they are cut off from each other, and reads the other one', async () => {
    for (const id of ['a', 'b']) await writer.register('PAYMENTS', { id, address: '10.6.0.1', port: 8000 });
    await poll(async () => (await isListed(second, 'PAYMENTS', 'a')) && (await isListed(second, 'PAYMENTS', 'b')), {
      timeoutMs: deadlineMs,
    });
    const deps = makeDeps();
    const config = { servers: [first.url, second.url], requestTimeoutMs: 2000 };
    run = new SourceRun(makeSource(config, deps));
    await run.recorder.waitFor(() => ids('PAYMENTS') === 'a,b', { deadlineMs });

    links[1]?.refuse();
    await writer.deregister('PAYMENTS', 'b');
    await run.recorder.waitFor(() => ids('PAYMENTS') === 'a', { deadlineMs });
    await run.stop();
    await first.kill();
    assert.equal(await isListed(second, 'PAYMENTS', 'b'), true, 'the second server lists b still');
    run = new SourceRun(makeSource(config, { ...makeDeps(), dataDir: deps.dataDir }));
    const { recorder } = run;
    await recorder.waitFor(({ notices }) => notices.has('lagging server'), { deadlineMs });
    assert.equal(ids('PAYMENTS'), 'a');
  });
});
