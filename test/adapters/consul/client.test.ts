import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { ConsulClient, Query } from '../../../adapters/consul/client.js';
import { ConsulError, type ConsulFailure } from '../../../adapters/consul/consul-error.js';
import { Secret } from '../../../core/plugin/index.js';
import { activeResources, assertNoLeaks } from '../../../testkit/index.js';
import { FakeConsul, reply } from './fake-consul.js';
import { makeClient } from './make-client.js';

const token = 'the-secret-of-the-test';

describe('adapters/consul: client', () => {
  let fake: FakeConsul;
  let client: ConsulClient;
  const { signal } = new AbortController();

  beforeEach(async () => {
    fake = await FakeConsul.start();
    client = await makeClient(`${fake.url}/prefix`, {
      ...{ datacenter: 'dc 2', token: new Secret(token), consistency: 'stale', requestTimeoutMs: 500 },
    });
  });

  afterEach(async () => {
    await client.close();
    await fake.close();
  });

  const fails = async (failure: ConsulFailure, message: RegExp) => {
    await assert.rejects(
      client.get({ path: '/v1/x', of: 'instances' }, signal).then((answer) => answer.parse()),
      (error) => {
        assert.ok(error instanceof ConsulError);
        assert.equal(error.failure, failure);
        assert.match(error.message, message);
        assert.ok(!inspect(error, { depth: 10 }).includes(token), 'the token shows');
        return true;
      },
    );
  };

  it('asks as it is told to', async () => {
    const answer = await client.get(
      { path: '/v1/a', of: 'instances', tag: 'blue', block: { index: 9, waitMs: 1500 } },
      signal,
    );
    assert.deepEqual(answer.parse(), []);
    const [request] = fake.requests;
    assert.equal(request?.path, '/prefix/v1/a');
    assert.deepEqual(Object.fromEntries(request?.query ?? []), {
      ...{ dc: 'dc 2', stale: '', tag: 'blue', index: '9', wait: '1500ms' },
    });
    assert.equal(request?.headers['x-consul-token'], token);
  });

  it('asks for a namespace, a partition and nodes of some metadata, where they say something', async () => {
    const asked = async (of: Query['of']) => {
      await client.get({ path: '/v1/x', of }, signal);
      return [...(fake.requests.at(-1)?.query ?? [])].map(([key, value]) => `${key}=${value}`).join('&');
    };
    await client.close();
    client = await makeClient(fake.url, { namespace: 'team', partition: 'east', nodeMeta: { zone: 'a', rack: '7' } });
    assert.equal(await asked('instances'), 'ns=team&partition=east&node-meta=zone:a&node-meta=rack:7');
    assert.equal(await asked('nodes'), 'partition=east&node-meta=zone:a&node-meta=rack:7');
    assert.equal(await asked('namespace'), 'ns=team&partition=east');
    assert.equal(await asked('partition'), 'partition=east');
  });

  it('takes a stale answer for none once the server has not heard from its leader for long', async () => {
    fake.answer = (_, response) => reply(response, [], { 'x-consul-lastcontact': 9999 });
    await client.get({ path: '/v1/x', of: 'instances' }, signal);
    fake.answer = (_, response) => reply(response, [], { 'x-consul-lastcontact': 10_001 });
    await fails('unavailable', /it has not heard from its leader for 10001 ms/);
  });

  it('takes an index of zero for one, or the next query would not wait', async () => {
    fake.answer = (_, response) => reply(response, [], { 'x-consul-index': 0 });
    assert.equal((await client.get({ path: '/v1/x', of: 'instances' }, signal)).index, 1);
  });

  it('says what ACLs have hidden', async () => {
    const hidden = async (headers: Record<string, string>) => {
      fake.answer = (_, response) => reply(response, [], headers);
      return (await client.get({ path: '/v1/x', of: 'instances' }, signal)).hidden;
    };
    assert.equal(await hidden({}), 'nothing');
    assert.equal(await hidden({ 'x-consul-results-filtered-by-acls': 'true' }), 'some');
    assert.equal(await hidden({ 'x-consul-default-acl-policy': 'deny' }), 'nothing');
  });

  it('fails when the answer breaks off in its middle', async () => {
    fake.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 100, 'x-consul-index': 7 });
      response.write('[{"a":1},', () => response.destroy());
    };
    const startMs = performance.now();
    await fails('unreachable', /closed|terminated|aborted/);
    assert.ok(performance.now() - startMs < 400, 'it was noticed by the deadline alone');
  });

  it('fails when the answer does not come, or does not end, in time', async () => {
    fake.answer = () => undefined;
    await fails('unreachable', /no answer in 500 ms/);
    fake.answer = (_, response) => {
      response.writeHead(200, { 'x-consul-index': 7 });
      response.write('[');
    };
    await fails('unreachable', /no answer in 500 ms/);
  });

  it('fails on an answer that is too large, without reading on', async () => {
    fake.answer = (_, response) => reply(response, 'x'.repeat(5000));
    await fails('malformed', /larger than 2000 bytes \(maxResponseBytes\)/);
  });

  it('fails on what is no answer of Consul', async () => {
    fake.answer = (_, response) => response.writeHead(200, { 'x-consul-index': 7 }).end('<html>');
    await fails('malformed', /no JSON/);
    fake.answer = (_, response) => response.writeHead(200).end('[]');
    await fails('malformed', /no X-Consul-Index; is this Consul\?/);
    for (const index of ['', '-1', '7.5', 'x', '9'.repeat(16)]) {
      fake.answer = (_, response) => reply(response, [], { 'x-consul-index': index });
      await fails('malformed', /no X-Consul-Index/);
    }
    fake.answer = (_, response) => response.writeHead(404).end('not here');
    await fails('malformed', /status 404: not here/);
  });

  it('tells a token that may not from servers that cannot', async () => {
    fake.answer = (_, response) => response.writeHead(403).end(`rpc error: token ${token}\n: ACL not found`);
    await fails('forbidden', /status 403: rpc error: token \[secret\]\\n: ACL not found/);
    for (const status of [429, 500, 503]) {
      fake.answer = (_, response) => response.writeHead(status).end('No cluster leader');
      await fails('unavailable', new RegExp(`status ${status}: No cluster leader`));
    }
    fake.answer = (_, response) => reply(response, [], { 'x-consul-knownleader': 'false' });
    await fails('unavailable', /no cluster leader/);
    fake.answer = (_, response) => response.writeHead(500).end('x'.repeat(1_000_000));
    await fails('unavailable', /^.{0,300}$/);
  });

  it('takes an answer from a streamed view, which never knows of a leader', async () => {
    fake.answer = (_, response) =>
      reply(response, [], { 'x-consul-knownleader': 'false', 'x-consul-query-backend': 'streaming' });
    assert.equal((await client.get({ path: '/v1/x', of: 'instances' }, signal)).streamed, true);
  });

  it('ends at once when it is aborted, and leaves nothing behind when it is closed', async () => {
    await client.close();
    const before = await activeResources();
    client = await makeClient(fake.url, { requestTimeoutMs: 60_000 });
    fake.answer = () => undefined;
    const controller = new AbortController();
    const pending = [1, 2, 3].map((index) =>
      assert.rejects(
        client.get({ path: '/v1/x', of: 'instances', block: { index, waitMs: 60_000 } }, controller.signal),
        /the end/,
      ),
    );
    controller.abort(new Error('the end'));
    await Promise.all(pending);
    await client.close();
    await assertNoLeaks(before);
  });
});
