import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { KubernetesError } from '../../../clients/kubernetes/index.js';
import { splitLines } from '../../../clients/kubernetes/lines.js';
import { FakeApi, send } from './fake-api.js';

const { signal } = new AbortController();

describe('clients/kubernetes: the client', () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await FakeApi.start();
  });
  afterEach(() => api.close());

  const failing = async (work: Promise<unknown>): Promise<KubernetesError> => {
    const error = await work.then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof KubernetesError, String(error));
    return error;
  };

  const kinds = [
    [401, 'forbidden'],
    [403, 'forbidden'],
    [404, 'absent'],
    [409, 'conflict'],
    [410, 'expired'],
    [422, 'invalid'],
    [429, 'unavailable'],
    [500, 'unavailable'],
    [302, 'malformed'],
  ] as const;
  for (const [status, failure] of kinds) {
    it(`takes ${status} for ${failure}`, async () => {
      api.handler = (_, response) =>
        send(response, status, { message: 'the \u001b[31mreason', reason: 'Because' }, { 'retry-after': '7' });
      const client = api.client();
      const error = await failing(client.get('/x', {}, signal));
      assert.equal(error.failure, failure);
      assert.equal(error.retryAfterMs, 7000);
      assert.equal(error.reason, 'Because');
      assert.match(error.message, /the \\u001b\[31mreason/);
      await client.close();
    });
  }

  it('shows its token neither in errors nor when it is printed', async () => {
    api.handler = (request, response) => send(response, 403, { message: `no: ${request.headers.authorization}` });
    const client = api.client({ token: 'very-secret-token' });
    const error = await failing(client.get('/x', {}, signal));
    assert.match(error.message, /no: Bearer \[secret\]/);
    assert.doesNotMatch(inspect([error, client], { depth: 10 }), /very-secret/);
    await client.close();
  });

  it('gives up an answer that does not come, that is too large, or that is none', async () => {
    const client = api.client({ requestTimeoutMs: 100, maxResponseBytes: 1000 });
    api.handler = () => undefined;
    assert.match((await failing(client.get('/x', {}, signal))).message, /no answer in 100 ms/);
    api.handler = (_, response) => send(response, 200, { a: 'x'.repeat(2000) });
    assert.equal((await failing(client.get('/x', {}, signal))).failure, 'malformed');
    api.handler = (_, response) => response.end('<html>');
    assert.equal((await failing(client.get('/x', {}, signal))).failure, 'malformed');
    api.handler = (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"cut');
      response.destroy();
    };
    assert.equal((await failing(client.get('/x', {}, signal))).failure, 'unreachable');
    await client.close();
  });

  it('takes a watch that says nothing for a dead one', async () => {
    const client = api.client();
    api.handler = (_, response) => response.writeHead(200).write('{"type":"ADDED","object":1}\n');
    const seen: unknown[] = [];
    const error = await failing(
      (async () => {
        for await (const events of client.watch('/x', {}, 150, signal)) seen.push(...events);
      })(),
    );
    assert.deepEqual(seen, [{ type: 'ADDED', object: 1 }]);
    assert.match(error.message, /a watch that said nothing in 150 ms/);
    await client.close();
  });

  it('ends at once when it is aborted, with the reason', async () => {
    const client = api.client();
    api.handler = () => undefined;
    const abort = new AbortController();
    const get = client.get('/x', {}, abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(get, /enough/);
    await client.close();
  });
});

describe('clients/kubernetes: lines', () => {
  const collect = async (pieces: readonly Buffer[], maxBytes = 1e6): Promise<string[]> => {
    const lines: string[] = [];
    const stream = (async function* () {
      yield* pieces;
    })();
    for await (const batch of splitLines(stream, maxBytes)) lines.push(...batch.map(String));
    return lines;
  };

  it('come out the same however the stream is cut', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\n', ''))),
        fc.array(fc.nat(400)),
        fc.boolean(),
        async (lines, cuts, ended) => {
          const bytes = Buffer.from(lines.join('\n') + (ended ? '\n' : ''));
          const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
          const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index] ?? 0, end));
          assert.deepEqual(
            await collect(pieces),
            lines.filter((line) => line !== ''),
          );
        },
      ),
    ));

  it('are refused when they are too long, before they are whole', async () => {
    await assert.rejects(collect([Buffer.alloc(60, 'a'), Buffer.alloc(60, 'a')], 100), /more than 100 bytes/);
  });
});
