import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, ZookeeperConnection } from '../../../adapters/zookeeper/connection.js';
import { ZookeeperError } from '../../../adapters/zookeeper/zookeeper-error.js';
import { Secret } from '../../../core/plugin/index.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const options: ConnectionOptions = {
  sessionTimeoutMs: 10_000,
  connectTimeoutMs: 2000,
  requestTimeoutMs: 10_000,
  concurrency: 8,
  maxResponseBytes: 4_194_304,
};
const never = new AbortController().signal;
const withCode = (code: string) => (error: unknown) => {
  assert.ok(error instanceof ZookeeperError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

describe('ZookeeperConnection', function () {
  this.timeout(30_000);
  let server: ZookeeperServer;
  let proxy: TcpProxy;

  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500 });
  });
  after(() => server?.stop());
  beforeEach(async () => {
    proxy = await TcpProxy.start(server);
  });
  afterEach(() => proxy.close());

  const open = (change: Partial<ConnectionOptions> = {}, ticket?: ZookeeperConnection['ticket']) =>
    ZookeeperConnection.open({ host: '127.0.0.1', port: proxy.port }, { ...options, ...change }, ticket, never);

  it('goes on with its session after the connection was lost', async () => {
    const first = await open();
    proxy.drop();
    await assert.rejects(first.getChildren('/', false), withCode('CONNECTION_LOSS'));
    const second = await open({}, first.ticket);
    assert.deepEqual(second.ticket.id, first.ticket.id);
    assert.ok((await second.getChildren('/', false)).names.includes('zookeeper'));
    await second.close();
  });

  it('says that a session has expired', async () => {
    const first = await open();
    await first.close();
    await assert.rejects(open({}, first.ticket), withCode('SESSION_EXPIRED'));
  });

  it('rejects all that waits when the connection is lost, in flight or not', async () => {
    const connection = await open();
    proxy.blackHole();
    const requests = Array.from({ length: 50 }, () => connection.getChildren('/', false));
    const outcomes = Promise.allSettled(requests);
    proxy.drop();
    proxy.reset();
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, 'rejected');
      withCode('CONNECTION_LOSS')(outcome.reason);
    }
    await connection.close();
  });

  it('has no more requests in flight than it may', async () => {
    const connection = await open();
    let sent = 0;
    proxy.transformUp = (chunk) => {
      for (let at = 0; at + 12 <= chunk.length; at += 4 + chunk.readInt32BE(at))
        if (chunk.readInt32BE(at + 8) === 12) sent++;
      return chunk;
    };
    proxy.blackHole('down');
    const outcomes = Promise.allSettled(Array.from({ length: 50 }, () => connection.getChildren('/', false)));
    await poll(() => sent >= options.concurrency);
    await delay(100); // nothing more is to come, so there is nothing to wait for
    assert.equal(sent, options.concurrency);
    proxy.pass();
    proxy.drop();
    await outcomes;
    await connection.close();
  });

  it('tells the states of many nodes at once, also of those that are not there or must not be read', async () => {
    const writer = await DubboRegistryWriter.connect(server.address, 'owner:secret');
    await writer.make('/stats/two/a');
    await writer.make('/stats/two/b');
    await writer.make('/stats/closed', { access: 'creator' });
    const connection = await open();
    const found = await connection.stats(['/stats/two', '/stats/none', '/stats/closed', '/stats/two/a']);
    const counts = found.map((stat) => (typeof stat === 'object' ? stat.childCount : stat));
    assert.deepEqual(counts, [2, undefined, 'refused', 0]);
    assert.deepEqual(found[0], await connection.exists('/stats/two', false));
    await assert.rejects(
      open({ maxResponseBytes: 1024 }).then(async (small) => {
        await small.stats(Array.from({ length: 64 }, () => '/stats/two')).finally(() => small.close());
      }),
      withCode('TOO_LARGE'),
    );
    await connection.close();
    await writer.removeTree('/stats');
    await writer.close();
  });

  it('ends the connection when one request is not answered in time, though pings are', async () => {
    const connection = await open({ requestTimeoutMs: 400 });
    // The request gets lost, and with it only that.
    proxy.transformUp = (chunk) => (chunk.length > 12 ? Buffer.alloc(0) : chunk);
    const startMs = performance.now();
    await assert.rejects(connection.getChildren('/', false), withCode('TIMEOUT'));
    assert.ok(performance.now() - startMs < 3000);
    await connection.close();
  });

  it('ends the connection on bytes that are no protocol', async () => {
    const connection = await open();
    const request = connection.getChildren('/', false);
    proxy.injectDown(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await assert.rejects(request, withCode('PROTOCOL'));
    assert.ok(connection.lost.aborted);
    await connection.close();
  });

  it('sends the credentials before any request', async () => {
    const seen: number[] = [];
    proxy.transformUp = (chunk) => {
      for (let at = 0; at + 12 <= chunk.length; at += 4 + chunk.readInt32BE(at)) seen.push(chunk.readInt32BE(at + 8));
      return chunk;
    };
    const connection = await open({ auth: { scheme: 'digest', username: 'u', password: new Secret('p') } });
    await connection.getChildren('/', false);
    await connection.close();
    const auth = 100;
    const getChildren2 = 12;
    assert.ok(seen.indexOf(auth) > 0 && seen.indexOf(auth) < seen.indexOf(getChildren2), `${seen}`);
  });

  it('stops opening when it is aborted', async () => {
    proxy.blackHole();
    const abort = new AbortController();
    const opening = ZookeeperConnection.open({ host: '127.0.0.1', port: proxy.port }, options, undefined, abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(opening, /enough/);
  });
});
