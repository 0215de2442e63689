import assert from 'node:assert/strict';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: faults of a real Consul', function () {
  this.timeout(90_000);
  let server: ConsulServer;
  let writer: ConsulWriter;
  let run: SourceRun | undefined;

  before(async () => {
    server = await startConsul();
    writer = new ConsulWriter(server);
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  after(async () => {
    writer?.close();
    await server?.stop();
  });

  const start = (config: Parameters<typeof makeSource>[0]): SourceRun => {
    run = new SourceRun(makeSource(config));
    return run;
  };
  const has = ({ recorder }: SourceRun, name: string, instances: number) =>
    recorder.services.get(name)?.instances.length === instances;
  const isFresh = ({ recorder }: SourceRun) => recorder.synced && recorder.degradedScopes.size === 0;
  const until = (of: SourceRun, what: string, predicate: () => boolean) =>
    of.recorder.waitFor(predicate, { what, deadlineMs: 40_000 });
  const causes = ({ recorder }: SourceRun) =>
    [...recorder.degradedScopes.values()].map(({ message }) => message).join();

  it('removes nothing while the server is killed, and follows it after it has come back', async () => {
    await writer.register({ name: 'kept', id: 'k1', address: '10.3.0.1', port: 80 });
    const source = start({ servers: [server.url] });
    await until(source, 'the listing', () => has(source, 'kept', 1));
    await server.kill();
    await until(source, 'degraded', () => !isFresh(source));
    assert.ok(has(source, 'kept', 1));
    assert.match(causes(source), /ECONNREFUSED|other side closed|ECONNRESET/);
    await server.start();
    await until(source, 'fresh', () => isFresh(source));
    assert.ok(has(source, 'kept', 1));
    await writer.register({ name: 'kept', id: 'k2', address: '10.3.0.2', port: 80 });
    await until(source, 'a change', () => has(source, 'kept', 2));
  });

  it('lists anew when the server has lost its data and counts from the beginning', async () => {
    for (let i = 0; i < 40; i++) {
      await writer.register({ name: 'counted', id: 'c1', address: '10.3.1.1', port: 80, meta: { round: `${i}` } });
    }
    await writer.register({ name: 'lost', id: 'l1', address: '10.3.1.2', port: 80 });
    const source = start({ servers: [server.url] });
    await until(source, 'the listing', () => has(source, 'lost', 1) && has(source, 'counted', 1));
    await server.restart({ keepData: false });
    await writer.register({ name: 'counted', id: 'c9', address: '10.3.1.9', port: 80 });
    await until(source, 'what the server holds now', () => {
      const [only] = source.recorder.services.get('counted')?.instances ?? [];
      return isFresh(source) && only?.id === 'dc1-server/c9' && has(source, 'lost', 0);
    });
    await writer.register({ name: 'counted', id: 'c9', address: '10.3.1.9', port: 81 });
    await until(source, 'a change', () => source.recorder.services.get('counted')?.instances[0]?.ports['http'] === 81);
  });

  it('notices a server that hangs, and goes on with the next one', async () => {
    await writer.register({ name: 'served', id: 's1', address: '10.3.2.1', port: 80 });
    const first = await TcpProxy.start({ host: '127.0.0.1', port: server.port });
    const second = await TcpProxy.start({ host: '127.0.0.1', port: server.port });
    try {
      const servers = [`http://${first.address}`, `http://${second.address}`];
      const source = start({ servers, waitMs: 2000, requestTimeoutMs: 2000 });
      await until(source, 'the listing', () => has(source, 'served', 1));
      assert.equal(second.accepted, 0);
      first.blackHole();
      await until(source, 'degraded', () => !isFresh(source));
      assert.match(causes(source), /no answer in \d+ ms/);
      await until(source, 'fresh from the second server', () => isFresh(source));
      await writer.register({ name: 'served', id: 's2', address: '10.3.2.2', port: 80 });
      await until(source, 'a change', () => has(source, 'served', 2));
      assert.ok(second.accepted > 0);
      // With its first server hanging the run must end in a second all the same.
      await source.stop();
      run = undefined;
    } finally {
      await first.close();
      await second.close();
    }
  });

  it('says why a datacenter that does not exist cannot be read, and publishes nothing', async () => {
    const source = start({ servers: [server.url], datacenters: ['nowhere'] });
    await until(source, 'degraded', () => !isFresh(source) && causes(source) !== '');
    assert.match(causes(source), /No path to datacenter/);
    assert.equal(source.recorder.synced, false);
  });

  it('keeps to the connections allowed with 300 services, and sees changes of each', async () => {
    for (let batch = 0; batch < 300; batch += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => {
          const index = batch + i;
          return writer.register({
            name: `many-${index}`,
            id: `many-${index}`,
            address: '10.4.0.1',
            port: 1000 + index,
          });
        }),
      );
    }
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port });
    let most = 0;
    const counter = setInterval(() => {
      most = Math.max(most, proxy.open);
    }, 5);
    try {
      const source = start({ servers: [`http://${proxy.address}`], maxConnections: 40 });
      await until(source, 'the listing', () => has(source, 'many-299', 1));
      await poll(() => proxy.open > 30, { what: 'the watches to be there' });
      // More of them than there are watches, so that some take the place of others.
      for (let index = 0; index < 300; index += 5) {
        const name = `many-${index}`;
        await writer.register({ name, id: name, address: '10.4.0.2', port: 1000 + index });
        await until(source, `the change of ${name}`, () => {
          return source.recorder.services.get(name)?.instances[0]?.address === '10.4.0.2';
        });
      }
      assert.ok(most <= 40, `${most} connections were open at a time`);
    } finally {
      clearInterval(counter);
      await run?.stop();
      run = undefined;
      await proxy.close();
    }
  });
});
