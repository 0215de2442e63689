import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'mocha';
import { type ConnectionUse, ZookeeperSession } from '../../../adapters/zookeeper/session.js';
import { systemClock } from '../../../core/time/index.js';
import { startFakeServer } from './fake-server.js';

const options = { sessionTimeoutMs: 15_000, connectTimeoutMs: 5000, requestTimeoutMs: 30_000, concurrency: 4 };

describe('ZookeeperSession', () => {
  let stop: () => Promise<void> = async () => undefined;
  afterEach(() => stop());

  it('settles within a second after the abort, though the server does not answer what is asked', async () => {
    const server = await startFakeServer();
    stop = server.stop;
    const servers = [{ host: '127.0.0.1', port: server.port }];
    const session = new ZookeeperSession(
      { ...options, maxResponseBytes: 4_194_304, servers, readOnly: false },
      { clock: systemClock },
    );
    const abort = new AbortController();
    const troubles: string[] = [];
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const use: ConnectionUse = async (connection) => {
      const children = connection.getChildren('/dubbo', false);
      asked();
      await children;
    };
    const run = session.run(use, (error) => troubles.push(error.message), abort.signal);
    await isAsked;
    const abortedMs = performance.now();
    abort.abort(new Error('stop'));
    await run;
    const tookMs = performance.now() - abortedMs;
    assert.ok(tookMs < 1000, `it took ${Math.round(tookMs)} ms`);
    assert.deepEqual(troubles, []);
  });
});
