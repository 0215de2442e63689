import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import type { z } from 'zod';
import type { eurekaSchema } from '../../../adapters/eureka/config.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { poll } from '../../support/poll.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeSource } from './make-source.js';

const deadlineMs = 60_000;

/** One server with self-preservation, as is the default of Eureka, in which nobody renews a lease. */
describe('adapters/eureka source, services by VIP address, audits, self-preservation', function () {
  this.timeout(240_000);
  let server: EurekaServer;
  let writer: EurekaWriter;
  let run: SourceRun | undefined;

  before(async () => {
    server = await startEureka({ selfPreservation: true });
    writer = new EurekaWriter(server.url);
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });
  after(() => server?.stop());

  function start(config: Partial<z.input<typeof eurekaSchema>> = {}) {
    const source = makeSource({ servers: [server.url], ...config });
    run = new SourceRun(source);
    return { recorder: run.recorder, source };
  }

  const ids = (recorder: Recorder, service: string) =>
    recorder.services
      .get(service)
      ?.instances.map(({ id }) => id)
      .join();

  it('follows VIP addresses over applications', async () => {
    const common = { address: '10.6.0.1', port: 8000 };
    await writer.register('PAY-V1', { ...common, id: 'a', vipAddress: 'pay,pay-v1' });
    await writer.register('PAY-V2', {
      ...common,
      id: 'b',
      vipAddress: 'pay',
      securePort: 8443,
      secureVipAddress: 'pay-tls',
    });
    const { recorder, source } = start({ serviceName: 'vip' });
    await recorder.waitFor(() => ids(recorder, 'pay') === 'PAY-V1/a,PAY-V2/b', { deadlineMs });
    assert.equal(ids(recorder, 'pay-v1'), 'PAY-V1/a');
    assert.deepEqual(recorder.services.get('pay-tls')?.instances[0]?.ports, { https: 8443 });
    assert.deepEqual(
      (await source.records('pay-tls', new AbortController().signal)).map(({ instance }) => instance),
      ['PAY-V2/b'],
    );
    await writer.register('PAY-V2', { ...common, id: 'b', vipAddress: 'pay-next' });
    await recorder.waitFor(() => ids(recorder, 'pay') === 'PAY-V1/a' && ids(recorder, 'pay-next') === 'PAY-V2/b', {
      deadlineMs,
    });
    await writer.deregister('PAY-V1', 'a');
    await recorder.waitFor(() => ids(recorder, 'pay') === '', { deadlineMs });
    await writer.deregister('PAY-V2', 'b');
  });

  it('audits with no difference while things change, and quotes the registry', async () => {
    const { recorder, source } = start();
    const { signal } = new AbortController();
    await recorder.waitFor(({ synced }) => synced, { deadlineMs });
    for (let turn = 0; turn < 5; turn++) {
      await writer.register('AUDITED', {
        id: `i${turn}`,
        address: '10.6.1.1',
        port: 8000,
        metadata: { password: 's3cret' },
      });
      assert.equal((await source.audit(signal)).differences, 0);
    }
    await recorder.waitFor(() => recorder.services.get('AUDITED')?.instances.length === 5, { deadlineMs });
    const records = await poll(async () => {
      const found = await source.records('AUDITED', signal);
      return found.length === 5 && found;
    });
    assert.ok(records.every(({ revision, text }) => Number(revision) > 1e12 && !text.includes('s3cret')));
    assert.match(records[0]?.text ?? '', /"password":"\[secret\]".*"actionType":"ADDED"/);
  });

  it('tells that the server is in self-preservation', async () => {
    for (const id of ['a', 'b', 'c']) {
      await writer.register('SILENT', { id, address: '10.6.2.1', port: 8000, leaseSeconds: 1 });
    }
    const { recorder } = start({ dashboardIntervalMs: 500 });
    await recorder.waitFor(({ notices }) => notices.has('self-preservation'), { deadlineMs });
    assert.match(
      recorder.notices.get('self-preservation') ?? '',
      /is in self-preservation and lets no lease run out \(0 renewals in the last minute, at least \d+ expected\)/,
    );
    await recorder.waitFor(() => ids(recorder, 'SILENT') === 'a,b,c', { deadlineMs });
    assert.equal(recorder.degradedScopes.size, 0);
  });
});
