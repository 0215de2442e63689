import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import { fourLetterWord, startZookeeperEnsemble, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { poll } from '../../support/poll.js';
import { makeSource, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const path = (authority: string) => `/dubbo/${greet}/providers/${providerName(greet, authority)}`;

describe('the zookeeper source and servers that have lost their quorum', function () {
  this.timeout(240_000);
  let servers: ZookeeperServer[];

  before(async () => {
    servers = await startZookeeperEnsemble({
      ...{ size: 3, tickTimeMs: 500 },
      properties: { 'readonlymode.enabled': true },
      // Without it such a server gives no session to anybody.
      config: { localSessionsEnabled: true, localSessionsUpgradingEnabled: true },
    });
    const writer = await DubboRegistryWriter.connect(servers.map(({ address }) => address).join(','));
    await writer.make(path('10.0.0.1:1'));
    await writer.close();
  });
  after(() => Promise.all((servers ?? []).map((server) => server.stop())));

  const source = (raw: RawConfig = {}) =>
    makeSource(
      servers.map(({ address }) => address),
      { sessionTimeoutMs: 4000, connectTimeoutMs: 3000, ...raw },
    );
  const ids = (recorder: Recorder) => recorder.services.get(`${greet}::`)?.instances.map(({ id }) => id);
  const untilReadOnly = () =>
    poll(async () => /read-only/.test(await fourLetterWord(servers[2]?.port ?? 0, 'srvr').catch(() => '')), {
      timeoutMs: 60_000,
      what: 'the last server to be read-only',
    });

  it('keeps what it has, reads what there is when nothing was known, and is whole again with the quorum', async () => {
    const started = source({ readOnly: true });
    await withRun(started, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced, { deadlineMs: 60_000 });
      await Promise.all(servers.slice(0, 2).map((server) => server.kill()));
      await untilReadOnly();
      await recorder.waitFor(() => /quorum/.test(recorder.notices.get('read-only') ?? ''), { deadlineMs: 60_000 });
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:1']);
      assert.match(recorder.degradedScopes.get('')?.message ?? '', /quorum|no connection|no session/);
      await assert.rejects(started.audit(new AbortController().signal), /quorum|not connected/);

      // One that begins now: it has nothing to lose.
      await withRun(source({ readOnly: true }), async (late) => {
        await late.recorder.waitFor(() => ids(late.recorder)?.length === 1, { deadlineMs: 60_000 });
        assert.equal(late.recorder.synced, false);
        assert.ok(late.recorder.notices.has('read-only'));
        // One that may not: it waits.
        await withRun(source(), async (strict) => {
          await strict.recorder.waitFor(() => strict.recorder.degradedScopes.size > 0, { deadlineMs: 60_000 });
          assert.equal(strict.recorder.services.size, 0);
        });

        await Promise.all(servers.slice(0, 2).map((server) => server.start()));
        const writer = await DubboRegistryWriter.connect(servers.map(({ address }) => address).join(','));
        await writer.make(path('10.0.0.2:1'));
        await writer.close();
        for (const one of [recorder, late.recorder]) {
          await one.waitFor(
            () =>
              one.synced && one.degradedScopes.size === 0 && ids(one)?.length === 2 && !one.notices.has('read-only'),
            { deadlineMs: 90_000 },
          );
          assert.ok(one.events.every(({ kind }) => kind !== 'remove'));
        }
      });
    });
  });
});
