import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { type SpringCloudApp, startSpringCloudApp } from '../../servers/spring-cloud.js';
import { makeSource } from './make-source.js';

const deadlineMs = 60_000;

describe('adapters/eureka source with a real Spring Cloud application', function () {
  this.timeout(240_000);
  let server: EurekaServer;
  let app: SpringCloudApp;
  let run: SourceRun;

  before(async () => {
    server = await startEureka();
    app = await startSpringCloudApp({
      registry: { kind: 'eureka', url: server.url },
      application: 'order-service',
      metadata: { zone: 'hz', version: '1.2' },
    });
    run = new SourceRun(makeSource({ servers: [server.url] }));
  });
  after(async () => {
    await run?.stop();
    await app?.stop();
    await server?.stop();
  });

  const service = () => run.recorder.services.get('ORDER-SERVICE');
  const health = () => service()?.instances[0]?.health;

  it('publishes it', async () => {
    await run.recorder.waitFor(() => health() === 'healthy', { deadlineMs });
    const [instance] = service()?.instances ?? [];
    assert.equal(service()?.attributes['name'], 'order-service');
    assert.equal(instance?.address, '127.0.0.1');
    assert.deepEqual(instance?.ports, { http: app.port });
    assert.equal(instance?.metadata['version'], '1.2');
    assert.equal(instance?.locality?.zone, 'hz');
  });

  it('follows its status', async () => {
    await app.setStatus('OUT_OF_SERVICE');
    await run.recorder.waitFor(() => health() === 'unhealthy', { deadlineMs });
    await app.setStatus('CANCEL_OVERRIDE');
    await run.recorder.waitFor(() => health() === 'healthy', { deadlineMs });
  });

  it('keeps it while the server is restarted and the application has yet to register again', async () => {
    const losses: string[] = [];
    const stop = run.recorder.onEvent(({ kind }) => {
      if (health() !== 'healthy') losses.push(`${kind}: ${health()}`);
    });
    // Held back, or it may register again before anybody has seen the empty server.
    app.pause();
    await server.restart();
    await run.recorder.waitFor(() => run.recorder.degradedScopes.has('missing instances'), { deadlineMs });
    app.resume();
    await run.recorder.waitFor(() => run.recorder.degradedScopes.size === 0, { deadlineMs });
    stop();
    assert.deepEqual(losses, []);
  });

  it('empties the service when the application has crashed and its lease has run out', async () => {
    await app.kill();
    await run.recorder.waitFor(() => service()?.instances.length === 0, { deadlineMs });
  });
});
