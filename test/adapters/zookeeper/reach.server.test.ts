import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import {
  fourLetterWord,
  startZookeeper,
  startZookeeperEnsemble,
  type ZookeeperServer,
} from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource, providerName, withRun } from './support.js';

const greet = 'lab.api.Greet';
const path = (authority: string) => `/dubbo/${greet}/providers/${providerName(greet, authority)}`;
const deadlineMs = 60_000;
const ids = (recorder: Recorder) => recorder.services.get(`${greet}::`)?.instances.map(({ id }) => id);
const untilIds = (recorder: Recorder, expected: string[]) =>
  recorder.waitFor(() => JSON.stringify(ids(recorder)) === JSON.stringify(expected), {
    what: `${expected}`,
    deadlineMs,
  });

describe('the zookeeper source', function () {
  this.timeout(180_000);
  let servers: ZookeeperServer[] = [];

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  it('reads over IPv6, from a server that listens on nothing else', async () => {
    const server = await startZookeeper({ host: '::1', tickTimeMs: 500 });
    servers = [server];
    assert.equal(server.address, `[::1]:${server.port}`);
    await assert.rejects(fourLetterWord(server.port, 'ruok'), /ECONNREFUSED/);
    // The writers' client knows no IPv6.
    const proxy = await TcpProxy.start({ host: '::1', port: server.port });
    try {
      await withRun(makeSource([server.address]), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced, { deadlineMs });
        const writer = await DubboRegistryWriter.connect(`127.0.0.1:${proxy.port}`);
        await writer.make(path('[2001:db8::1]:1'));
        await untilIds(recorder, ['dubbo://[2001:db8::1]:1']);
        await server.restart();
        await writer.make(path('10.0.0.1:1'));
        await untilIds(recorder, ['dubbo://10.0.0.1:1', 'dubbo://[2001:db8::1]:1']);
        await writer.close();
      });
    } finally {
      await proxy.close();
    }
  });

  it('follows by an observer what is written elsewhere, and keeps what it has while the voters are gone', async () => {
    servers = await startZookeeperEnsemble({ size: 4, observers: 1, tickTimeMs: 500 });
    const [observer, voters] = [servers[3], servers.slice(0, 3)];
    assert.ok(observer);
    assert.match(await fourLetterWord(observer.port, 'srvr'), /^Mode: observer/m);
    const source = makeSource([observer.address], { sessionTimeoutMs: 4000, connectTimeoutMs: 3000 });
    const addresses = voters.map(({ address }) => address).join(',');
    await withRun(source, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced, { deadlineMs });
      const writer = await DubboRegistryWriter.connect(addresses);
      await writer.make(path('10.0.0.1:1'));
      await untilIds(recorder, ['dubbo://10.0.0.1:1']);
      await writer.make(path('10.0.0.2:1'));
      await untilIds(recorder, ['dubbo://10.0.0.1:1', 'dubbo://10.0.0.2:1']);
      await writer.close();

      await Promise.all(voters.slice(0, 2).map((server) => server.kill()));
      await recorder.waitFor(() => recorder.degradedScopes.size > 0, { deadlineMs });
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:1', 'dubbo://10.0.0.2:1']);
      await Promise.all(voters.slice(0, 2).map((server) => server.start()));
      const later = await DubboRegistryWriter.connect(addresses);
      await later.make(path('10.0.0.3:1'));
      await later.close();
      await untilIds(
        recorder,
        [1, 2, 3].map((last) => `dubbo://10.0.0.${last}:1`),
      );
      await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs });
      assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
    });
  });
});
