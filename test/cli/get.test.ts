import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Secret } from '../../core/config/secret.js';
import type { SourceStatus } from '../../core/source/status.js';
import { aCatalogService, aSource, startApi, type TestApi } from '../sinks/api/api.js';
import { anInstance } from '../support/model.js';
import { poll } from '../support/poll.js';
import { type CliOptions, runCli } from './run-cli.js';

describe('isthmus get', () => {
  let test: TestApi;
  let sources: SourceStatus[];

  beforeEach(async () => {
    sources = [aSource('nacos-hz')];
    test = await startApi({ sources: () => sources, heartbeatMs: 50 });
  });
  afterEach(() => test.api.stop());

  const get = (args: string, options: CliOptions = {}) =>
    runCli(['get', ...args.split(' ')], { ...options, env: { ISTHMUS_SERVER: test.url, ...options.env } });

  it('shows sources in columns, with the cause on one line', async () => {
    const now = Date.now();
    sources = [
      aSource('nacos-hz', { status: { state: 'fresh', sinceMs: now - 65_000 }, rejected: 2 }),
      aSource('zk', {
        kind: 'zookeeper',
        required: false,
        status: {
          state: 'stale',
          sinceMs: now - 3 * 86_400_000,
          cause: 'connection\nlost\u001b[31m',
          scopes: ['/dubbo'],
        },
      }),
    ];
    const { code, stdout, stderr } = await get('sources');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.deepEqual(stdout.split('\n'), [
      'NAME       KIND        STATE   SINCE   SERVICES   INSTANCES   REJECTED   CAUSE',
      'nacos-hz   nacos       fresh   1m5s    1          2           2          -',
      'zk         zookeeper   stale   3d      1          2           0          connection\\u000alost\\u001b[31m',
      '',
    ]);
    const wide = (await get('sources z* -o wide')).stdout.split('\n');
    assert.equal(wide.length, 3);
    assert.match(wide[0] ?? '', /CAUSE +REQUIRED +SYNCED +FAILURES +SCOPES$/);
    assert.match(wide[1] ?? '', /no +yes +0 +\/dubbo$/);
  });

  it('shows services: what serves, and which sources are merged out', async () => {
    const service = aCatalogService('orders.nacos', ['nacos-hz', 'eureka-bj']);
    const [first, second] = service.origins;
    assert.ok(first && second);
    const sick = anInstance('sick', { health: 'unhealthy' });
    test.catalog.set(
      { ...service, origins: [{ ...first, instances: [...first.instances, sick] }, second] },
      { ...aCatalogService('pay.nacos'), ports: [{ name: 'main', number: 8080, protocol: 'grpc' }] },
    );
    assert.deepEqual((await get('services')).stdout.split('\n'), [
      'HOST           PORTS            SERVING   SOURCES',
      'orders.nacos   80/http          1/2       nacos-hz,(eureka-bj)',
      'pay.nacos      8080/main:grpc   1/1       nacos-hz',
      '',
    ]);
    assert.deepEqual((await get('services -o name --source eureka-bj')).stdout, 'orders.nacos\n');
    assert.match(
      (await get('svc pay.* -o wide')).stdout,
      /\npay\.nacos .*pay\.nacos@nacos-hz +team=a +v-pay\.nacos\n$/,
    );
  });

  it('shows instances of a host or a pattern', async () => {
    test.catalog.set(aCatalogService('orders.nacos', ['nacos-hz', 'eureka-bj']), aCatalogService('pay.nacos'));
    assert.deepEqual((await get('instances orders.nacos')).stdout.split('\n'), [
      'HOST           ID            ADDRESS    PORTS       HEALTH              WEIGHT   SOURCE',
      'orders.nacos   nacos-hz-1    10.0.0.1   http:8080   healthy             100      nacos-hz',
      'orders.nacos   eureka-bj-1   10.0.0.2   http:8080   healthy (standby)   100      eureka-bj',
      '',
    ]);
    assert.equal((await get('instances -o name')).stdout.split('\n').length, 4);
    assert.equal((await get('instances * --source eureka-bj -o name')).stdout, 'orders.nacos/eureka-bj-1\n');
  });

  it('says the same in JSON and YAML: a list, or the one that was named', async () => {
    test.catalog.set(aCatalogService('orders.nacos'), aCatalogService('pay.nacos'));
    const all = JSON.parse((await get('services -o json')).stdout) as { items: unknown[] };
    assert.deepEqual(all, { items: [aCatalogService('orders.nacos'), aCatalogService('pay.nacos')] });
    assert.deepEqual(parse((await get('services -o yaml')).stdout), all);
    const one = JSON.parse((await get('service orders.nacos -o json')).stdout) as unknown;
    assert.deepEqual(one, aCatalogService('orders.nacos'));
    assert.deepEqual(parse((await get('source nacos-hz -o yaml')).stdout), sources[0]);
    const instances = JSON.parse((await get('instances orders.nacos -o json')).stdout) as { items: unknown[] };
    assert.equal(instances.items.length, 1);
  });

  it('pages through everything', async () => {
    const hosts = Array.from({ length: 2500 }, (_, index) => `s${String(index).padStart(4, '0')}.nacos`);
    test.catalog.set(...hosts.map((host) => aCatalogService(host)));
    assert.equal((await get('services -o name')).stdout, hosts.map((host) => `${host}\n`).join(''));
  });

  it('exits with 4 for a name that is not there, and with 0 for a pattern that matches nothing', async () => {
    assert.deepEqual(await get('services none'), {
      code: 4,
      stdout: '',
      stderr: 'error: no services named none; `isthmus get services` lists them, and a pattern with * finds more\n',
    });
    assert.equal((await get('sources none')).code, 4);
    assert.equal((await get('instances none')).code, 4);
    assert.deepEqual(await get('services none*'), { code: 0, stdout: '', stderr: 'No services found.\n' });
    assert.deepEqual(await get('services none* -o json'), { code: 0, stdout: '{\n  "items": []\n}\n', stderr: '' });
  });

  it('exits with 3 and says what to do when nobody answers', async () => {
    await test.api.stop();
    const { code, stdout, stderr } = await get('sources');
    assert.deepEqual({ code, stdout }, { code: 3, stdout: '' });
    assert.match(stderr, /^error: cannot reach http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.*is `isthmus run` running\?/);
  });

  it('uses colours on a terminal alone, and not with NO_COLOR', async () => {
    const colored = (text: string) => text.includes('\u001b[');
    assert.ok(colored((await get('sources', { isTTY: true })).stdout));
    assert.ok(!colored((await get('sources', { isTTY: true, env: { NO_COLOR: '1' } })).stdout));
    assert.ok(!colored((await get('sources')).stdout));
    assert.ok(!colored((await get('sources -o json', { isTTY: true })).stdout));
  });

  describe('--watch', () => {
    /** Watches until `enough` of the output is there; `step` is called with each new output. */
    async function watch(args: string, until: RegExp, steps: readonly [RegExp, () => void][]) {
      const stop = new AbortController();
      let done = 0;
      const run = get(`${args} --watch`, {
        signal: stop.signal,
        onOutput: (text) => {
          const step = steps[done];
          if (step?.[0].test(text)) {
            done++;
            step[1]();
          }
          if (until.test(text)) stop.abort();
        },
      });
      return run;
    }

    it('prints the services, then the rows that change', async () => {
      test.catalog.set(aCatalogService('a.nacos'), aCatalogService('b.nacos'));
      const { code, stdout, stderr } = await watch('services', /removed/, [
        [/b\.nacos/, () => test.catalog.set(aCatalogService('b.nacos', ['x', 'y']))],
        [/x,\(y\)/, () => test.catalog.delete('a.nacos')],
      ]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(stdout.split('\n'), [
        'HOST      PORTS     SERVING   SOURCES',
        'a.nacos   80/http   1/1       nacos-hz',
        'b.nacos   80/http   1/1       nacos-hz',
        'b.nacos   80/http   1/1       x,(y)',
        'a.nacos   removed',
        '',
      ]);
    });

    it('prints only the instances that change of a service', async () => {
      const service = aCatalogService('a.nacos');
      const [origin] = service.origins;
      assert.ok(origin);
      const withInstances = (...ids: string[]) => ({
        ...service,
        origins: [{ ...origin, instances: ids.map((id) => anInstance(id)) }],
      });
      test.catalog.set(withInstances('one', 'two'));
      const { stdout } = await watch('instances a.nacos -o json', /remove/, [
        [/two/, () => test.catalog.set(withInstances('one', 'two', 'three'))],
        [/three/, () => test.catalog.set(withInstances('two', 'three'))],
      ]);
      const events = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; name?: string; item?: { id: string } });
      assert.deepEqual(
        events.map(({ type, name, item }) => `${type} ${name ?? item?.id}`),
        ['upsert one', 'upsert two', 'upsert three', 'remove a.nacos/one'],
      );
    });

    it('prints a source when its state changes', async () => {
      const { stdout } = await watch('sources', /degraded/, [
        [
          /fresh/,
          () => {
            sources = [
              aSource('nacos-hz', { status: { state: 'degraded', sinceMs: Date.now(), cause: 'slow', scopes: [] } }),
            ];
          },
        ],
      ]);
      assert.equal(stdout.split('\n').length, 4);
      assert.match(stdout, /degraded .*slow\n$/);
    });

    it('outlives silence, and exits with 3 when the server goes', async () => {
      const running = get('services --watch');
      await poll(() => test.catalog.feeds.size === 1);
      await test.api.stop();
      const { code, stderr } = await running;
      assert.equal(code, 3);
      assert.match(stderr, /^error: (http:.* ended the watch|cannot reach )/);
    });

    it('ends quietly when nobody reads its output any more', async () => {
      const closed = new AbortController();
      const running = get('services --watch', { outputClosed: closed.signal });
      await poll(() => test.catalog.feeds.size === 1);
      closed.abort();
      assert.deepEqual(await running, { code: 0, stdout: '', stderr: '' });
      await poll(() => test.catalog.feeds.size === 0);
    });
  });
});

describe('isthmus get, with a token or a strange server', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-token-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('sends the token from the environment or a file, and says so when it is missing', async () => {
    const test = await startApi({ token: new Secret('s3cret-token') });
    const file = join(folder, 'token');
    writeFileSync(file, 's3cret-token\n');
    try {
      const args = ['get', 'sources', '-o', 'name', '--server', test.url];
      const refused = await runCli(args);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /answered 401: .*give the token with --token-file or ISTHMUS_TOKEN\n$/);
      assert.equal((await runCli(args, { env: { ISTHMUS_TOKEN: 's3cret-token' } })).stdout, 'nacos-hz\n');
      assert.equal((await runCli([...args, '--token-file', file])).stdout, 'nacos-hz\n');
      const wrong = await runCli(args, { env: { ISTHMUS_TOKEN: 'other-token' } });
      assert.doesNotMatch(wrong.stderr, /other-token|s3cret/);
      writeFileSync(file, 'two words\n');
      assert.equal((await runCli([...args, '--token-file', file])).code, 2);
    } finally {
      await test.api.stop();
    }
  });

  for (const [what, status, body] of [
    ['HTML', 200, '<html>hello</html>'],
    ['other JSON', 200, '{"a":1}'],
    ['null', 200, 'null'],
    ['items that are no list', 200, '{"items":5}'],
    ['an error with control characters', 500, '{"detail":"\\u001b[31mbad"}'],
    ['a redirect', 302, ''],
  ] as const) {
    it(`exits with 1 when the server answers with ${what}`, async () => {
      const server: Server = createServer((_request, response) => {
        response.writeHead(status, { location: 'http://169.254.169.254/', connection: 'close' }).end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const { code, stdout, stderr } = await runCli(['get', 'sources', '--server', url]);
        assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
        assert.match(stderr, /^error: http:\/\/127\.0\.0\.1:\d+ (does not answer as Isthmus does|answered \d{3})/);
        assert.ok(!stderr.includes('\u001b'));
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });
  }
});
