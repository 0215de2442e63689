import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeRegistry, path, row } from './fake-registry.js';
import { makeSource } from './make-source.js';

const headers = { 'content-type': 'application/json', 'x-consul-index': '500', 'x-consul-knownleader': 'true' };

/** Answers for one service that are none, and what its status says. */
const badAnswers: Record<string, [answer: (response: ServerResponse) => void, says: RegExp]> = {
  'a page of HTML': [(response) => response.writeHead(200, headers).end('<html>sign in</html>'), /no JSON/],
  'lists 10,000 deep': [
    (response) => response.writeHead(200, headers).end('['.repeat(10_000) + ']'.repeat(10_000)),
    /none of its rows/,
  ],
  'a record where a list belongs': [(response) => response.writeHead(200, headers).end('{"a":1}'), /no list/],
  'half of a number': [(response) => response.writeHead(200, headers).end('[1e'), /no JSON/],
  'a thousand times its size in gzip, which nobody asked for': [
    (response) =>
      response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000, ' '))),
    /no JSON/,
  ],
  'more than is allowed': [
    (response) => response.writeHead(200, headers).end(`["${'x'.repeat(300_000)}"]`),
    /larger than 200000 bytes/,
  ],
  'no index': [(response) => response.writeHead(200).end('[]'), /no X-Consul-Index/],
  'an index that is none': [
    (response) => response.writeHead(200, { ...headers, 'x-consul-index': '-1' }).end('[]'),
    /no X-Consul-Index/,
  ],
  'not found': [(response) => response.writeHead(404, headers).end('\u001b[31mnot here'), /status 404/],
};

/** Rows that are left out alone; another one beside each is good. */
const badRows: Record<string, Record<string, unknown>> = {
  'port -1': { Port: -1 },
  'port 65536': { Port: 65_536 },
  'port 1.5': { Port: 1.5 },
  'a port as text': { Port: '080' },
  'no port': { Port: 0 },
  'the unspecified address': { Address: '0.0.0.0' },
  'a link-local address': { Address: '169.254.169.254' },
  'an address with a zone': { Address: 'fe80::1%eth0' },
  'an address that is a record': { Address: { a: 1 } },
  'an address of 2,000 characters': { Address: 'x'.repeat(2000) },
  'no id': { ID: '' },
  'a weight that is text': { Weights: { Passing: 'NaN' } },
  'a weight below 0': { Weights: { Passing: -1 } },
  'weights that are a list': { Weights: [1] },
  'tags that are numbers': { Tags: [1, 2] },
  '2,000 tags': { Tags: Array(2000).fill('a') },
  'an id that is a number': { ID: 7 },
};

describe('adapters/consul: bad inputs', function () {
  this.timeout(60_000);
  let registry: FakeRegistry;
  let run: SourceRun;

  beforeEach(async () => {
    registry = await FakeRegistry.start('web', 'db');
  });

  afterEach(async () => {
    await run.stop();
    await registry.close();
  });

  const start = (config: object = {}) => {
    run = new SourceRun(makeSource({ servers: [registry.url], maxResponseBytes: 200_000, ...config }));
  };
  const until = (what: string, predicate: () => boolean) =>
    run.recorder.waitFor(predicate, { what, deadlineMs: 30_000 });
  const service = (name: string) => run.recorder.services.get(name);
  const port = (name: string) => service(name)?.instances[0]?.ports['http'];

  for (const [what, [answer, says]] of Object.entries(badAnswers)) {
    it(`keeps a service whose answer is ${what}, and follows the others`, async () => {
      start();
      await until('the listing', () => port('web') === 8080 && port('db') === 8080);
      await poll(() => registry.requests.some(({ path: asked, query }) => asked === path('web') && query.has('index')));
      registry.intercept = (request, response) => {
        if (request.path !== path('web')) return false;
        answer(response);
        return true;
      };
      registry.set(path('web'), [row('web')]); // wakes its watch
      const cause = () => run.recorder.degradedScopes.get('service web')?.message ?? '';
      await until('the failure', () => cause() !== '');
      assert.equal(port('web'), 8080);
      assert.match(cause(), says);
      assert.ok(!cause().includes('\u001b'));
      registry.set(path('db'), [row('db', '1', { Port: 7000 })]);
      await until('a change of the other', () => port('db') === 7000);
      registry.intercept = () => false;
      registry.set(path('web'), [row('web', '1', { Port: 7001 })], { index: 600 });
      await until('the service again', () => port('web') === 7001 && run.recorder.degradedScopes.size === 0);
      assert.deepEqual(run.recorder.problems, []);
      assert.ok(!run.recorder.events.some(({ kind }) => kind === 'remove'));
    });
  }

  it('leaves out each bad row alone, with its reason', async () => {
    const rows = Object.values(badRows).map((bad, index) => row('web', `${index}`, bad));
    registry.set(path('web'), [...rows, row('web', 'good'), ['no row'], null, 7]);
    start();
    await until('the listing', () => service('web') !== undefined);
    assert.deepEqual(
      service('web')?.instances.map(({ id }) => id),
      ['host-1/web-good'],
    );
    assert.equal(service('web')?.rejected?.length, rows.length + 3);
    assert.deepEqual(run.recorder.problems, []);
  });

  it('takes no name for more than a name, and bounds what it carries', async () => {
    const keys = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, 'value']));
    const names = ['__proto__', 'constructor', 'a\u202eb', '..', '%2e%2f', '*'];
    for (const name of names) registry.set(path(encodeURIComponent(name)), [row(name, '1', { Meta: keys })]);
    registry.set(
      '/v1/catalog/services',
      JSON.parse(`{${[...names, 'web'].map((name) => `${JSON.stringify(name)}:[]`)}}`),
    );
    registry.set(path('web'), [row('web', '1\r\nforged', { Meta: { ['__proto__']: 'x', a: 'y'.repeat(1_000) } })]);
    start({ maxResponseBytes: 4_000_000 });
    await until('the listing', () => run.recorder.synced && service('web') !== undefined);
    for (const name of ['__proto__', 'constructor', '*']) assert.equal(service(name)?.instances.length, 1, name);
    const metadata = service('constructor')?.instances[0]?.metadata ?? {};
    assert.ok(Object.keys(metadata).length <= 1024);
    assert.equal(({} as Record<string, unknown>)['a'], undefined);
    assert.deepEqual(run.recorder.problems, []);
  });

  it('removes nothing while a registry answers with a mixture of refusals and broken answers', async () => {
    start();
    await until('the listing', () => port('web') === 8080 && port('db') === 8080);
    let turn = 0;
    registry.intercept = (_, response) => {
      const kinds = [
        () => response.writeHead(429).end('slow down'),
        () => response.writeHead(503).end(),
        () => response.writeHead(403).end('Permission denied'),
        () => response.writeHead(200, { ...headers, 'content-length': '1000' }).write('[', () => response.destroy()),
        () => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
        () => response.destroy(),
      ];
      kinds[turn++ % kinds.length]?.();
      return true;
    };
    registry.set('/v1/catalog/services', { web: [], db: [] });
    await until('degraded', () => run.recorder.degradedScopes.has(''));
    await poll(() => turn > 12, { timeoutMs: 50_000, what: 'two of each' });
    assert.deepEqual(
      [...run.recorder.services.values()].map(({ instances }) => instances.length),
      [1, 1],
    );
    registry.intercept = () => false;
    registry.set(path('web'), [row('web', '1', { Port: 7002 })]);
    await until('fresh', () => run.recorder.degradedScopes.size === 0 && port('web') === 7002);
    assert.ok(!run.recorder.events.some(({ kind }) => kind === 'remove'));
  });
});
