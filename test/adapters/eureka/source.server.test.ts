import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, afterEach, before, describe, it } from 'mocha';
import type { z } from 'zod';
import type { eurekaSchema } from '../../../adapters/eureka/config.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { basicAuthHeader, type EurekaServer, startEureka } from '../../servers/eureka.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeSource } from './make-source.js';

const deadlineMs = 30_000;

describe('adapters/eureka source', function () {
  this.timeout(180_000);
  let server: EurekaServer;
  let writer: EurekaWriter;
  const runs: SourceRun[] = [];

  before(async () => {
    server = await startEureka();
    writer = new EurekaWriter(server.url);
  });
  afterEach(async () => {
    await Promise.all(runs.splice(0).map((run) => run.stop()));
  });
  after(() => server?.stop());

  function start(config: Partial<z.input<typeof eurekaSchema>> = {}): Recorder {
    const run = new SourceRun(makeSource({ servers: [server.url], ...config }));
    runs.push(run);
    return run.recorder;
  }

  const instance = (recorder: Recorder, application: string, id: string) =>
    recorder.services.get(application)?.instances.find((one) => one.id === id);

  it('publishes address, both ports, locality and metadata of an instance', async () => {
    await writer.register('FULL', {
      id: 'full-1',
      address: '10.1.0.1',
      port: 8081,
      securePort: 8443,
      hostName: 'full-1.example.test',
      metadata: { zone: 'hz-a', region: 'hz', version: '1.2', weight: '3', 'user.password': 'not-to-be-seen' },
    });
    const recorder = start();
    await recorder.waitFor(() => instance(recorder, 'FULL', 'full-1') !== undefined, { deadlineMs });
    const service = recorder.services.get('FULL');
    assert.deepEqual(service?.ports, [
      { name: 'http', number: 80, protocol: 'http' },
      { name: 'https', number: 443, protocol: 'https' },
    ]);
    assert.deepEqual({ ...service?.attributes }, { name: 'full', application: 'FULL', vip: 'full' });
    const { metadata, ...rest } = instance(recorder, 'FULL', 'full-1') ?? {};
    assert.deepEqual(rest, {
      id: 'full-1',
      address: '10.1.0.1',
      ports: { http: 8081, https: 8443 },
      health: 'healthy',
      weight: 300,
      locality: { region: 'hz', zone: 'hz-a', subzone: '' },
    });
    assert.deepEqual({ ...metadata }, { zone: 'hz-a', region: 'hz', version: '1.2', weight: '3' });
    await writer.deregister('FULL', 'full-1');
  });

  it('publishes host names where they are asked for', async () => {
    await writer.register('NAMED', { id: 'n', address: '10.1.0.2', port: 80, hostName: 'n.example.test' });
    const recorder = start({ address: 'hostname' });
    await recorder.waitFor(() => instance(recorder, 'NAMED', 'n')?.address === 'n.example.test', { deadlineMs });
    await writer.deregister('NAMED', 'n');
  });

  it('follows a status override and its end, and a change of metadata', async () => {
    for (const id of ['a', 'b']) await writer.register('ORDERS', { id, address: '10.1.1.1', port: 8000 });
    const recorder = start();
    await recorder.waitFor(() => recorder.services.get('ORDERS')?.instances.length === 2, { deadlineMs });
    const untouched = instance(recorder, 'ORDERS', 'b');
    await writer.overrideStatus('ORDERS', 'a', 'OUT_OF_SERVICE');
    await recorder.waitFor(() => instance(recorder, 'ORDERS', 'a')?.health === 'unhealthy', { deadlineMs });
    assert.equal(instance(recorder, 'ORDERS', 'b'), untouched, 'an instance that did not change is the same object');
    await writer.endOverride('ORDERS', 'a');
    await recorder.waitFor(() => instance(recorder, 'ORDERS', 'a')?.health === 'healthy', { deadlineMs });
    await writer.setMetadata('ORDERS', 'a', 'version', '2');
    await recorder.waitFor(() => instance(recorder, 'ORDERS', 'a')?.metadata['version'] === '2', { deadlineMs });
    await writer.deregister('ORDERS', 'a');
    await recorder.waitFor(() => recorder.services.get('ORDERS')?.instances.length === 1, { deadlineMs });
    assert.ok(instance(recorder, 'ORDERS', 'b'));
    await writer.deregister('ORDERS', 'b');
  });

  it('keeps an application without instances as an empty service, then forgets it', async () => {
    await writer.register('LAST', { id: 'one', address: '10.1.2.1', port: 8000, securePort: 8443 });
    const recorder = start({ forgetEmptyAfterMs: 3000 });
    await recorder.waitFor(() => instance(recorder, 'LAST', 'one') !== undefined, { deadlineMs });
    const ports = recorder.services.get('LAST')?.ports;
    await writer.deregister('LAST', 'one');
    await recorder.waitFor(() => recorder.services.get('LAST')?.instances.length === 0, { deadlineMs });
    assert.deepEqual(recorder.services.get('LAST')?.ports, ports);
    await recorder.waitFor(() => !recorder.services.has('LAST'), { deadlineMs });
    assert.ok(recorder.events.some((event) => event.kind === 'remove' && event.name === 'LAST'));
  });

  it('takes an instance away whose lease has run out', async () => {
    await writer.register('LEASED', { id: 'short', address: '10.1.3.1', port: 8000, leaseSeconds: 1 });
    const recorder = start();
    await recorder.waitFor(() => instance(recorder, 'LEASED', 'short') !== undefined, { deadlineMs });
    await recorder.waitFor(() => recorder.services.get('LEASED')?.instances.length === 0, { deadlineMs });
  });

  it('leaves a bad instance out alone and says why', async () => {
    await writer.register('MIXED', { id: 'good', address: '10.1.4.1', port: 8000 });
    await writer.register('MIXED', { id: 'bad', address: '169.254.169.254', port: 8000 });
    const recorder = start();
    await recorder.waitFor(() => recorder.services.get('MIXED')?.rejected?.length === 1, { deadlineMs });
    const service = recorder.services.get('MIXED');
    assert.deepEqual(
      service?.instances.map(({ id }) => id),
      ['good'],
    );
    assert.deepEqual(service?.rejected, [{ record: 'MIXED/bad', reason: 'the address is link-local' }]);
    for (const id of ['good', 'bad']) await writer.deregister('MIXED', id);
  });

  it('reads the second server when the first is dead', async () => {
    await writer.register('FAILOVER', { id: 'one', address: '10.1.5.1', port: 8000 });
    const recorder = start({ servers: [`http://127.0.0.1:${await deadPort()}/eureka`, server.url] });
    await recorder.waitFor(() => instance(recorder, 'FAILOVER', 'one') !== undefined, { deadlineMs });
    assert.equal(recorder.degradedScopes.size, 0);
    await writer.deregister('FAILOVER', 'one');
    await recorder.waitFor(() => recorder.services.get('FAILOVER')?.instances.length === 0, { deadlineMs });
  });

  it('removes nothing while the server is a black hole, and recovers', async () => {
    await writer.register('HOLE', { id: 'a', address: '10.1.7.1', port: 8000 });
    const proxy = await TcpProxy.start({ port: server.port });
    try {
      const recorder = start({ servers: [`http://${proxy.address}/eureka`], requestTimeoutMs: 1000 });
      await recorder.waitFor(() => instance(recorder, 'HOLE', 'a') !== undefined, { deadlineMs });
      proxy.blackHole();
      await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs });
      assert.match(recorder.degradedScopes.get('')?.message ?? '', /HEADERS_TIMEOUT/);
      await writer.register('HOLE', { id: 'b', address: '10.1.7.2', port: 8000 });
      proxy.drop();
      proxy.pass();
      await recorder.waitFor(() => instance(recorder, 'HOLE', 'b') !== undefined, { deadlineMs });
      await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs });
      assert.ok(instance(recorder, 'HOLE', 'a'));
    } finally {
      await Promise.all(runs.splice(0).map((run) => run.stop()));
      await proxy.close();
    }
    for (const id of ['a', 'b']) await writer.deregister('HOLE', id);
  });

  it('removes nothing while the server is dead, nor when it comes back empty, and recovers', async () => {
    for (const id of ['a', 'b']) await writer.register('KEPT', { id, address: '10.1.6.1', port: 8000 });
    const recorder = start({ missingGraceMs: 6000 });
    await recorder.waitFor(() => recorder.services.get('KEPT')?.instances.length === 2, { deadlineMs });
    const losses: string[] = [];
    const stop = recorder.onEvent(({ kind }) => {
      if (!instance(recorder, 'KEPT', 'a')) losses.push(kind);
    });
    await server.kill();
    await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs });
    assert.match(recorder.degradedScopes.get('')?.message ?? '', /ECONNREFUSED|ECONNRESET|other side closed/);
    await server.start();
    await recorder.waitFor(() => recorder.degradedScopes.has('missing instances'), { deadlineMs });
    assert.equal(recorder.services.get('KEPT')?.instances.length, 2);
    await writer.register('KEPT', { id: 'a', address: '10.1.6.1', port: 8000 });
    await recorder.waitFor(() => !instance(recorder, 'KEPT', 'b'), { deadlineMs, what: 'the grace of b to end' });
    assert.ok(instance(recorder, 'KEPT', 'a'), 'what registered again stays');
    await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs });
    stop();
    assert.deepEqual(losses, []);
    await writer.deregister('KEPT', 'a');
  });
});

describe('adapters/eureka source with credentials', function () {
  this.timeout(180_000);
  const credentials = { user: 'reader', password: 'top-s3cret-word' };
  let server: EurekaServer;

  before(async () => {
    server = await startEureka({ basicAuth: credentials });
    const writer = new EurekaWriter(server.url, basicAuthHeader(credentials));
    await writer.register('GUARDED', { id: 'one', address: '10.2.0.1', port: 8000 });
  });
  after(() => server?.stop());

  it('reads with the right ones', async () => {
    const { user, password } = credentials;
    const run = new SourceRun(makeSource({ servers: [server.url], username: user, password }));
    try {
      await run.recorder.waitFor(({ services }) => services.get('GUARDED')?.instances.length === 1, { deadlineMs });
    } finally {
      await run.stop();
    }
  });

  for (const [what, given] of [
    ['wrong ones', { username: 'reader', password: 'another-s3cret' }],
    ['none', {}],
  ] as const) {
    it(`says so with ${what}, and gives no secret away`, async () => {
      const run = new SourceRun(makeSource({ servers: [server.url], ...given }));
      try {
        await run.recorder.waitFor(({ degradedScopes }) => degradedScopes.has(''), { deadlineMs });
        const message = run.recorder.degradedScopes.get('')?.message ?? '';
        assert.match(message, /HTTP 401 Unauthorized: username or password is missing or wrong/);
        assert.ok(!message.includes('s3cret') && !message.includes('Basic'), message);
        assert.equal(run.recorder.synced, false);
      } finally {
        await run.stop();
      }
    });
  }
});

/** A loopback port that nobody listens on. */
async function deadPort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  const port = await poll(() => {
    const address = probe.address();
    return typeof address === 'object' && address ? address.port : undefined;
  });
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
