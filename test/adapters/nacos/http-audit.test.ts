import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { NacosCredentials } from '../../../adapters/nacos/credentials.js';
import { NacosHttp } from '../../../adapters/nacos/http-client.js';
import { HttpConnection } from '../../../adapters/nacos/http-connection.js';
import { NacosLogin } from '../../../adapters/nacos/login.js';
import { nacosMetrics } from '../../../adapters/nacos/metrics.js';
import { RequestGate } from '../../../adapters/nacos/request-gate.js';
import { parseServer } from '../../../adapters/nacos/server.js';
import { Subscriptions, serviceAnswer } from '../../../adapters/nacos/subscriptions.js';
import { isRecord } from '../../../core/plugin/index.js';
import { ManualClock } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';

const key = { namespace: 'public', group: 'G', name: 'orders' };
const pollIntervalMs = 1000;

describe('adapters/nacos audit of a server of 1.x', () => {
  let server: Server;
  let http: NacosHttp;
  let connection: HttpConnection;
  let subscriptions: Subscriptions;
  let abort: AbortController;
  let clock: ManualClock;
  let addresses: readonly string[];
  /** Addresses, as they were published last. */
  let published: string | undefined;
  let reads: number;

  beforeEach(async () => {
    addresses = ['10.0.0.1', '10.0.0.2'];
    reads = 0;
    server = createServer((request, response) => {
      const isRead = request.url?.includes('/instance/list') === true;
      const hosts = addresses.map((ip) => ({ ip, port: 80, healthy: true }));
      const info = { name: 'orders', groupName: 'G', reachProtectionThreshold: false, hosts };
      response.end(JSON.stringify(isRead ? info : { status: 'UP' }));
      if (isRead) reads++;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const nacos = parseServer(url, 1000);
    http = new NacosHttp({
      servers: [nacos],
      tls: undefined,
      timeoutMs: 5000,
      metrics: nacosMetrics(new Registry(), 'a'),
    });
    abort = new AbortController();
    const { signal } = abort;
    clock = new ManualClock();
    const backoff = { baseMs: 10, maxMs: 10 };
    const login = new NacosLogin({ http, clock, backoff, username: undefined, password: undefined, signal });
    const gate = new RequestGate(clock, 10, 1_000_000);
    connection = await HttpConnection.open(
      {
        server: nacos,
        http,
        credentials: new NacosCredentials(login, undefined),
        gate,
        clock,
        keepAliveMs: 86_400_000,
        pollIntervalMs,
        onPush: ({ body }) => {
          const answer = serviceAnswer(body['serviceInfo']);
          if (answer) subscriptions.pushed(key, answer);
        },
      },
      signal,
    );
    const publish = (hosts: readonly unknown[]) => {
      published = hosts.map((host) => (isRecord(host) ? host['ip'] : '')).join();
    };
    subscriptions = new Subscriptions({
      clock,
      gate,
      backoff,
      events: {
        instances: (_, { hosts }) => publish(hosts),
        audited: (_, { hosts }) => {
          publish(hosts);
          return [];
        },
        removed: () => undefined,
        failing: () => undefined,
        progress: () => undefined,
        unreadable: () => undefined,
      },
    });
    published = undefined;
    subscriptions.attach(connection, [key]);
    await poll(() => published !== undefined, { what: 'the first answer' });
  });

  afterEach(async () => {
    connection.close();
    await subscriptions.detach();
    abort.abort();
    await http.close();
    server.closeAllConnections();
    server.close();
  });

  /** The service is asked for once by the poller. */
  const nextPoll = async () => {
    const from = reads;
    for (let step = 0; step < 3 * pollIntervalMs && reads === from; step += 50) {
      await clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await poll(() => reads === from + 1, { intervalMs: 1, what: 'the service to be asked for' });
    // Its answer is taken before the next tick begins to wait.
    await clock.untilAsleep(2, abort.signal);
  };

  it('is put right by the next answer when it read what was true for a moment', async () => {
    await nextPoll();
    addresses = ['10.0.0.1'];
    await subscriptions.audit(key);
    assert.equal(published, '10.0.0.1');
    addresses = ['10.0.0.1', '10.0.0.2'];
    await nextPoll();
    assert.equal(published, '10.0.0.1,10.0.0.2');
  });

  it('does not empty a service by one answer, be it before the next one or after', async () => {
    addresses = [];
    assert.equal(await subscriptions.audit(key), undefined);
    assert.equal(published, '10.0.0.1,10.0.0.2');
    await nextPoll();
    assert.equal(published, '10.0.0.1,10.0.0.2');
    await nextPoll();
    assert.equal(published, '');
    addresses = ['10.0.0.3'];
    await subscriptions.audit(key);
    assert.equal(published, '10.0.0.3');
    addresses = [];
    await nextPoll();
    assert.equal(published, '10.0.0.3', 'one empty answer after the audit was believed');
    await nextPoll();
    assert.equal(published, '');
  });
});
