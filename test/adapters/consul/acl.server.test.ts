import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { poll } from '../../support/poll.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

const readAll = 'node_prefix "" { policy = "read" } service_prefix "" { policy = "read" }';
const readNothing = 'key_prefix "x" { policy = "read" }';
const readWebAlone = 'node_prefix "" { policy = "read" } service_prefix "web" { policy = "read" }';
const readNoNodes = 'service_prefix "" { policy = "read" }';

describe('adapters/consul: ACLs of a real Consul that denies by default', function () {
  this.timeout(90_000);
  let server: ConsulServer;
  let writer: ConsulWriter;
  let run: SourceRun | undefined;

  before(async () => {
    server = await startConsul({ acl: true });
    writer = new ConsulWriter(server, server.managementToken);
    await writer.register({ name: 'web', id: 'w1', address: '10.5.0.1', port: 80 });
    await writer.register({ name: 'db', id: 'd1', address: '10.5.0.2', port: 80 });
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  after(async () => {
    writer?.close();
    await server?.stop();
  });

  const start = (token: string | undefined): SourceRun => {
    run = new SourceRun(makeSource({ servers: [server.url], ...(token && { token }) }));
    return run;
  };
  const count = ({ recorder }: SourceRun, name: string) => recorder.services.get(name)?.instances.length;
  const causes = ({ recorder }: SourceRun) =>
    [...recorder.degradedScopes.values()].map(({ message }) => message).join();
  const until = (of: SourceRun, what: string, predicate: () => boolean) =>
    of.recorder.waitFor(predicate, { what, deadlineMs: 20_000 });

  it('takes the empty answer to a caller with no token for a failed read', async () => {
    const source = start(undefined);
    await until(source, 'degraded', () => causes(source) !== '');
    assert.match(causes(source), /ACLs hide all (nodes|services) from a caller with no token/);
    assert.equal(source.recorder.synced, false);
    assert.equal(source.recorder.services.size, 0);
  });

  it('takes the empty answer to a token that may read nothing for a failed read', async () => {
    const source = start(await writer.createToken('nothing', readNothing));
    await until(source, 'degraded', () => causes(source) !== '');
    assert.match(causes(source), /ACLs hide all nodes from the token; it needs node:read/);
    assert.equal(source.recorder.synced, false);
  });

  it('says that a token is unknown, and never shows it', async () => {
    const token = '99999999-8888-7777-6666-555555555555';
    const source = start(token);
    await until(source, 'degraded', () => causes(source) !== '');
    assert.match(causes(source), /status 403: ACL not found/);
    assert.equal(source.recorder.synced, false);
    assert.ok(!inspect(source.recorder.events, { depth: 10 }).includes(token));
  });

  it('needs permission to read nodes, and says so', async () => {
    const source = start(await writer.createToken('no-nodes', readNoNodes));
    await until(source, 'degraded', () => causes(source) !== '');
    assert.match(causes(source), /needs node:read/);
    assert.equal(source.recorder.services.size, 0);
  });

  it('publishes what a limited token may read, and follows removals in it', async () => {
    const source = start(await writer.createToken('web-alone', readWebAlone));
    await until(source, 'the listing', () => count(source, 'web') === 1);
    assert.deepEqual([...source.recorder.services.keys()], ['web']);
    assert.equal(source.recorder.degradedScopes.size, 0);
    assert.match(source.recorder.notices.get('acl') ?? '', /ACLs filter the answers/);
    await writer.register({ name: 'web2', id: 'w2', address: '10.5.0.3', port: 80 });
    await until(source, 'an addition', () => count(source, 'web2') === 1);
    await writer.deregister('w2');
    await until(source, 'a removal', () => count(source, 'web2') === 0);
    assert.equal(source.recorder.degradedScopes.size, 0);
  });

  it('keeps services that a token may no longer read, until it may again', async () => {
    const source = start(await writer.createToken('shrinking', readAll));
    await until(source, 'the listing', () => count(source, 'web') === 1 && count(source, 'db') === 1);
    const changeTwice = async (port: number) => {
      // A query that is waiting was authorised when it began: the one after it sees the new policy.
      for (const next of [port, port + 1]) {
        await writer.register({ name: 'web', id: 'w1', address: '10.5.0.1', port: next });
        await until(
          source,
          `port ${next}`,
          () => source.recorder.services.get('web')?.instances[0]?.ports['http'] === next,
        );
      }
    };
    await writer.changePolicy('shrinking', readWebAlone);
    await changeTwice(81);
    await until(source, 'degraded', () => source.recorder.degradedScopes.has('service db'));
    assert.match(causes(source), /service db: ACLs hide instances from the token/);
    assert.equal(count(source, 'db'), 1);
    await writer.changePolicy('shrinking', readAll);
    await changeTwice(83);
    await until(source, 'fresh', () => source.recorder.degradedScopes.size === 0);
    assert.equal(count(source, 'db'), 1);
    await writer.changePolicy('shrinking', readNothing);
    for (const port of [85, 86]) await writer.register({ name: 'web', id: 'w1', address: '10.5.0.1', port });
    await until(source, 'degraded as a whole', () => source.recorder.degradedScopes.has(''));
    assert.equal(count(source, 'web'), 1);
    assert.equal(count(source, 'db'), 1);
  });

  it('reads everything with a token that may', async () => {
    const source = start(server.managementToken);
    await poll(() => count(source, 'web') === 1 && count(source, 'db') === 1, { what: 'the listing' });
    assert.equal(source.recorder.degradedScopes.size, 0);
    assert.equal(source.recorder.notices.size, 0);
  });

  it('follows what callers with no token may read, and loses nothing when they no longer may', async () => {
    await writer.setAnonymousPolicy('anonymous', readAll);
    await writer.register({ name: 'passing', id: 'p1', address: '10.5.0.4', port: 80 });
    const source = start(undefined);
    await until(source, 'the listing', () => count(source, 'web') === 1 && count(source, 'passing') === 1);
    assert.match(source.recorder.notices.get('acl') ?? '', /no token is configured/);
    await writer.deregister('p1');
    await until(source, 'a removal', () => count(source, 'passing') === 0 && source.recorder.degradedScopes.size === 0);
    await writer.changePolicy('anonymous', readNothing);
    for (const port of [90, 91, 92]) await writer.register({ name: 'web', id: 'w1', address: '10.5.0.1', port });
    await until(source, 'degraded', () => source.recorder.degradedScopes.has(''));
    assert.equal(count(source, 'web'), 1);
    assert.equal(count(source, 'db'), 1);
  });
});
