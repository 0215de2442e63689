import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { type Answer, FakeEureka, gzipped, json, raw, status } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeSource } from './make-source.js';

const megabyte = 1024 * 1024;
const entityBomb = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "ha">${Array.from({ length: 30 }, (_, n) => `<!ENTITY e${n + 1} "&e${n};&e${n};">`).join('')}]><applications>&e30;</applications>`;

/** What no real server can be made to do, or not when a test wants it. */
describe('adapters/eureka source, faults', () => {
  let server: FakeEureka;
  const runs: SourceRun[] = [];

  beforeEach(async () => {
    server = new FakeEureka();
    await server.start();
    answer({ A: ['a1', 'a2'] });
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
    await server.stop();
  });

  /** A server with this content and nothing that changed lately. */
  function answer(content: Readonly<Record<string, readonly string[]>>): void {
    const apps = Object.fromEntries(
      Object.entries(content).map(([name, ids]) => [name, ids.map((id) => instanceJson(name, id))]),
    );
    const { apps__hashcode } = listing(apps).applications;
    server.full = json(listing(apps));
    server.delta = json(listing({}, apps__hashcode));
  }

  function start(config: Partial<Parameters<typeof makeSource>[0]> = {}): Recorder {
    const run = new SourceRun(makeSource({ servers: [server.url], intervalMs: 100, requestTimeoutMs: 500, ...config }));
    runs.push(run);
    return run.recorder;
  }

  const ids = (recorder: Recorder, name = 'A') =>
    recorder.services
      .get(name)
      ?.instances.map(({ id }) => id)
      .join();
  const cause = (recorder: Recorder) => recorder.degradedScopes.get('')?.message ?? '';
  const polls = async (recorder: Recorder, count: number) => {
    const from = server.requests.length;
    while (server.requests.length < from + count) await new Promise((resolve) => setTimeout(resolve, 10));
    return recorder;
  };

  it('reads everything again when the hash differs, once', async () => {
    const recorder = start();
    await recorder.waitFor(() => ids(recorder) === 'a1,a2');
    answer({ A: ['a1', 'a2', 'a3'] });
    await recorder.waitFor(() => ids(recorder) === 'a1,a2,a3', { what: 'the instance that no delta told of' });
    await polls(recorder, 5);
    assert.equal(server.count('full'), 2);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('takes a full listing that contradicts its own hash, does not ask for it over and over, and tells', async () => {
    server.full = json(listing({ A: [instanceJson('A', 'a1')] }, 'UP_7_'));
    server.delta = json(listing({}, 'UP_7_'));
    const recorder = start();
    await recorder.waitFor(() => ids(recorder) === 'a1');
    await recorder.waitFor(() => recorder.degradedScopes.has('reconciliation'));
    const from = server.count('delta');
    await polls(recorder, 20);
    assert.ok(
      server.count('full') <= 8,
      `${server.count('full')} full listings in ${server.count('delta') - from} polls`,
    );
    assert.equal(ids(recorder), 'a1');
    answer({ A: ['a1'] });
    await recorder.waitFor(() => !recorder.degradedScopes.has('reconciliation'));
  });

  it('ends the doubt about the hash also when the server gives no deltas any more', async () => {
    server.full = json(listing({ A: [instanceJson('A', 'a1')] }, 'UP_7_'));
    server.delta = json(listing({}, 'UP_7_'));
    const recorder = start({ fullIntervalMs: 1000 });
    await recorder.waitFor(() => recorder.degradedScopes.has('reconciliation'));
    answer({ A: ['a1'] });
    server.delta = status(404);
    const from = server.count('full');
    while (server.count('full') < from + 6) await polls(recorder, 1);
    assert.deepEqual([...recorder.degradedScopes.keys()], []);
  });

  it('puts the delta on top of a full listing that is older', async () => {
    const deleted = instanceJson('A', 'a2', { actionType: 'DELETED' });
    server.delta = json(listing({ A: [deleted], B: [instanceJson('B', 'b1')] }, 'UP_2_'));
    const recorder = start();
    await recorder.waitFor(() => recorder.synced);
    assert.equal(ids(recorder), 'a1');
    assert.equal(ids(recorder, 'B'), 'b1');
    assert.equal(server.count('full'), 1);
  });

  it('keeps for its grace what a listing lacks with no deletion told, and says so', async () => {
    const recorder = start({ missingGraceMs: 1500 });
    await recorder.waitFor(() => ids(recorder) === 'a1,a2');
    answer({});
    await recorder.waitFor(() => recorder.degradedScopes.has('missing instances'));
    assert.equal(ids(recorder), 'a1,a2');
    assert.match(recorder.degradedScopes.get('missing instances')?.message ?? '', /^2 instances are missing/);
    await recorder.waitFor(() => ids(recorder) === '', { what: 'the grace to end' });
    await recorder.waitFor(() => recorder.degradedScopes.size === 0);
  });

  it('lists everything at each poll from a server without deltas', async () => {
    server.delta = status(403);
    const recorder = start({ missingGraceMs: 0 });
    await recorder.waitFor(() => ids(recorder) === 'a1,a2');
    server.full = json(listing({ A: [instanceJson('A', 'a2')] }));
    await recorder.waitFor(() => ids(recorder) === 'a2');
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('lists everything from another server, and stays with it', async () => {
    const other = new FakeEureka();
    await other.start();
    other.full = json(listing({ A: [instanceJson('A', 'a1')], C: [instanceJson('C', 'c1')] }));
    other.delta = json(listing({}, 'UP_2_'));
    try {
      const recorder = start({ servers: [server.url, other.url], missingGraceMs: 60_000 });
      await recorder.waitFor(() => ids(recorder) === 'a1,a2');
      server.full = server.delta = status(503);
      await recorder.waitFor(() => ids(recorder, 'C') === 'c1');
      assert.equal(ids(recorder), 'a1,a2', 'the other server may not know everything yet');
      answer({});
      const asked = server.requests.length;
      while (other.count('delta') < 5)
        await polls(recorder, 0).then(() => new Promise((resolve) => setTimeout(resolve, 20)));
      assert.equal(server.requests.length, asked);
      assert.equal(other.count('full'), 1);
    } finally {
      for (const run of runs.splice(0)) await run.stop();
      await other.stop();
    }
  });

  it('audits from time to time what no hash shows', async () => {
    const recorder = start({ fullIntervalMs: 1000 });
    await recorder.waitFor(() => recorder.synced);
    server.full = json(
      listing({ A: [instanceJson('A', 'a1', { metadata: { version: '9' } }), instanceJson('A', 'a2')] }),
    );
    await recorder.waitFor(() => recorder.services.get('A')?.instances[0]?.metadata['version'] === '9');
  });

  const cases: readonly (readonly [string, Answer, RegExp])[] = [
    ['answers 401', status(401), /HTTP 401 Unauthorized: username or password/],
    ['answers 500', status(500), /HTTP 500$/],
    ['redirects', raw('', { location: 'http://169.254.169.254/' }, 302), /HTTP 302$/],
    ['answers HTML', raw('<html>', { 'content-type': 'text/html' }), /is not JSON/],
    [
      'answers XML, with entities that would fill the memory',
      raw(entityBomb, { 'content-type': 'application/xml' }),
      /is XML though JSON was asked for/,
    ],
    ['calls XML JSON', raw(entityBomb), /no valid JSON|no listing|cut off/],
    ['cuts its answer off', raw(JSON.stringify(listing({ A: [instanceJson('A', 'a1')] })).slice(0, -40)), /cut off/],
    ['answers less than it announces', raw('{}', { 'content-length': '4000' }), /.+/],
    ['answers invalid JSON', raw('{"applications":{"application":[{"name":s3cret}]}}'), /no valid JSON$/],
    ['sends a gzip bomb', gzipped(Buffer.alloc(64 * megabyte, ' ')), /larger than 1048576 bytes|no listing/],
    ['sends broken gzip', raw('{}', { 'content-encoding': 'gzip' }), /incorrect header check/],
    ['sends an encoding unasked for', raw('{}', { 'content-encoding': 'br' }), /encoding/],
    ['never answers', () => undefined, /HEADERS_TIMEOUT/],
    [
      'never ends its answer',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
      /BODY_TIMEOUT/,
    ],
    ['drips its answer', drip, /longer than 3000 ms/],
    ['breaks the connection', (response) => response.destroy(), /other side closed|ECONNRESET/],
  ];
  for (const [what, fault, message] of cases) {
    it(`removes nothing and gives the reason when the server ${what}, and recovers`, async () => {
      const recorder = start({ maxResponseBytes: megabyte, username: 'u', password: 'tops3cret' });
      await recorder.waitFor(() => ids(recorder) === 'a1,a2');
      server.full = server.delta = fault;
      await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs: 15_000 });
      assert.match(cause(recorder), message);
      assert.ok(!cause(recorder).includes('s3cret') && !cause(recorder).includes('Basic'), cause(recorder));
      assert.equal(ids(recorder), 'a1,a2');
      answer({ A: ['a1', 'a2', 'a3'] });
      await recorder.waitFor(() => ids(recorder) === 'a1,a2,a3' && recorder.degradedScopes.size === 0);
    });
  }

  it('reads gzip', async () => {
    server.full = gzipped(JSON.stringify(listing({ A: [instanceJson('A', 'z')] })));
    const recorder = start();
    await recorder.waitFor(() => ids(recorder) === 'z');
  });

  it('leaves applications without a usable name out, and still agrees with the hash', async () => {
    server.full = json(listing({ 'a\r\nb': [instanceJson('X', 'x')], A: [instanceJson('A', 'a1')] }));
    server.delta = json(listing({}, 'UP_2_'));
    const recorder = start();
    await recorder.waitFor(() => recorder.synced);
    await polls(recorder, 4);
    assert.deepEqual([...recorder.services.keys()], ['A']);
    assert.equal(server.count('full'), 1);
  });
});

/** A byte now and then, for ever. */
function drip(response: Parameters<Answer>[0]): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 300);
  response.once('close', () => clearInterval(timer));
}
