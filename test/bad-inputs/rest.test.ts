import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import pino from 'pino';
import { apiSchema } from '../../adapters/api/config.js';
import { ApiSource } from '../../adapters/api/source.js';
import { systemClock } from '../../core/plugin/index.js';
import { SourceRun } from '../../testkit/index.js';
import { makeDataDir } from '../adapters/api/make-api.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { costOf } from './measure.js';
import { badNames } from './names.js';

const root = '/api/v1/registry/local/services';
const json = { 'content-type': 'application/json' };

/** The registry over REST, as it is in the daemon: the API's server, its guard, and a source with a file. */
describe('bad input to the registry over REST', function () {
  this.timeout(60_000);
  let test: TestApi;
  let run: SourceRun;
  let remove: () => Promise<void>;
  const logged: string[] = [];

  before(async () => {
    const data = await makeDataDir();
    remove = data.remove;
    const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) });
    let source: ApiSource | undefined;
    test = await startApi({ headersTimeoutMs: 1000, requestTimeoutMs: 2000, maxConnections: 2000 }, ({ routes }) => {
      const config = apiSchema.parse({ eureka: { enabled: true } });
      source = new ApiSource(config, { name: 'local', logger, clock: systemClock, dataDir: data.dir, http: routes });
    });
    if (source) run = new SourceRun(source);
    await run.recorder.waitFor(({ synced }) => synced);
    assert.equal(await put('good', 'a', { address: '10.0.0.1', port: 80 }), 201);
  });
  after(async () => {
    await run?.stop();
    await test?.api.stop();
    await remove?.();
  });
  /** Whatever was sent: the process is there, the others are as they were, and nothing was said of it. */
  afterEach(async () => {
    const { status, body } = await http(`${test.url}${root}/good`);
    assert.equal(status, 200);
    assert.equal(JSON.stringify(JSON.parse(body)), goodService);
    // A busy machine is no matter of what was sent.
    assert.deepEqual(
      logged.filter((line) => !line.includes('lostMs')),
      [],
    );
    assert.deepEqual(
      test.logged.filter((line) => line.includes('"level":50')),
      [],
    );
  });
  const goodService = JSON.stringify({
    ...{ name: 'good', declared: false, ports: [{ name: 'http', number: 80, protocol: 'http' }], metadata: {} },
    instances: [{ id: 'a', address: '10.0.0.1', ports: { http: 80 }, weight: 100, health: 'healthy', metadata: {} }],
  });

  const put = async (service: string, id: string, body: unknown) => {
    const url = `${test.url}${root}/${service}/instances/${id}`;
    return (
      await http(url, { method: 'PUT', headers: json, body: typeof body === 'string' ? body : JSON.stringify(body) })
    ).status;
  };
  const instance = { address: '10.0.0.1', port: 80 };
  const services = () => [...run.recorder.services.keys()];

  describe('names', () => {
    for (const [what, name] of badNames) {
      it(`of ${what}: refused, or a service of its own`, async () => {
        const before = services();
        const encoded = encodeURIComponent(/\p{Surrogate}/u.test(name) ? '\ufffd' : name);
        for (const [service, id] of [
          [encoded, 'a'],
          ['names', encoded],
        ] as const) {
          // A megabyte is more than a head may have.
          const status = await put(service, id, instance).catch(() => 431);
          assert.ok([201, 200, 400, 404, 409, 414, 431].includes(status), String(status));
        }
        const added = services().filter((service) => !before.includes(service) && service !== 'names');
        assert.ok(added.length === 0 || (added.length === 1 && added[0] === name), JSON.stringify(added).slice(0, 200));
        for (const service of services()) assert.match(service, /^[A-Za-z0-9][A-Za-z0-9._:@~+-]{0,252}$/);
      });
    }

    it('that differ in case alone are one: the second is refused', () => {
      assert.equal(services().filter((service) => service.toLowerCase() === 'orders').length, 1);
    });
  });

  describe('bodies', () => {
    for (const [what, body] of [
      ['10,000 levels', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
      ['10,000 levels that do not end', '['.repeat(10_000)],
      ['a key twice', '{"address":"10.0.0.1","address":"10.0.0.2","port":80}'],
      ['a key twice, once escaped', '{"address":"10.0.0.1","\\u0061ddress":"10.0.0.2","port":80}'],
      ['a key twice within', '{"address":"10.0.0.1","port":80,"metadata":{"a":"1","b":"2","a":"3"}}'],
      ['2^53+1', '{"address":"10.0.0.1","port":9007199254740993}'],
      ['2^53+1 as weight', '{"address":"10.0.0.1","port":80,"weight":9007199254740993}'],
      ['1e999', '{"address":"10.0.0.1","port":80,"ttlSeconds":1e999}'],
      ['-1e999', '{"address":"10.0.0.1","port":80,"weight":-1e999}'],
      ['half a number', '{"address":"10.0.0.1","port":80.5}'],
      ['a port of text', '{"address":"10.0.0.1","port":"080"}'],
      ['NaN', '{"address":"10.0.0.1","port":NaN}'],
      ['half a surrogate pair', '{"address":"10.0.0.1","port":80,"metadata":{"a":"\\ud800"}}'],
      ['half a surrogate pair as a key', '{"address":"10.0.0.1","port":80,"metadata":{"\\ude00":"a"}}'],
      ['a zone that forges a line', '{"address":"10.0.0.1","port":80,"locality":{"region":"a\\r\\nb"}}'],
      ['a network with a mark of direction', '{"address":"10.0.0.1","port":80,"network":"a\\u202eb"}'],
      ['__proto__', '{"address":"10.0.0.1","port":80,"metadata":{"__proto__":"x"}}'],
      ['constructor', '{"address":"10.0.0.1","port":80,"ports":{"constructor":1}}'],
      [
        '10,000 metadata',
        JSON.stringify({
          ...instance,
          metadata: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, ''])),
        }),
      ],
      ['a value of 900 KiB', JSON.stringify({ ...instance, metadata: { a: 'x'.repeat(900 * 1024) } })],
      ['an address with a zone', '{"address":"fe80::1%eth0","port":80}'],
      ['the address of credentials', '{"address":"169.254.169.254","port":80}'],
      ['an address in another form', '{"address":"0x7f000001","port":80}'],
      ['YAML', 'address: 10.0.0.1\nport: 80\n'],
      ['XML with a bomb', '<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'],
      ['a byte order mark', '\ufeff{"address":"10.0.0.1","port":80}'],
      ['NUL', '{"address":"10.0.0.1\u0000","port":80}'],
    ] as const) {
      it(`with ${what} are refused, cheaply`, async () => {
        let status = 0;
        const { cpuMs, heldMiB } = await costOf(async () => {
          status = await put('bodies', 'a', body);
        });
        assert.equal(status, 400);
        assert.equal(services().includes('bodies'), false);
        assert.ok(cpuMs < 500, `${cpuMs} ms of CPU`);
        assert.ok(heldMiB < 64, `${heldMiB} MiB`);
      });
    }

    it('of Eureka clients are no different', async () => {
      for (const [body, headers] of [
        [`{"instance":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, json],
        ['{"instance":{"app":"X","app":"Y"}}', json],
        ['{"instance":{"app":"X","hostName":"\\ud800","dataCenterInfo":{"name":"MyOwn"},"port":80}}', json],
        ['{"instance":{"app":"X","hostName":"h","dataCenterInfo":{"name":"MyOwn"},"port":1e999}}', json],
        [
          '{"instance":{"app":"X","hostName":"h","dataCenterInfo":{"name":"MyOwn"},"port":{"$":-1,"@enabled":"true"}}}',
          json,
        ],
        ['<instance><app>X</app></instance>', { 'content-type': 'application/xml' }],
      ] as const) {
        const { status } = await http(`${test.url}/eureka/apps/X`, { method: 'POST', headers, body });
        assert.equal(status, headers === json ? 400 : 415, body.slice(0, 60));
      }
      assert.equal(services().includes('x'), false);
    });

    it('that unpack to a thousand times their size cost no more than is allowed', async () => {
      const bomb = await promisify(gzip)(Buffer.alloc(64 * 1024 * 1024, ' '), { level: 9 });
      const socket = await open();
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
      });
      const head = `POST /eureka/apps/X HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`;
      const { heldMiB } = await costOf(async () => {
        socket.write(head);
        socket.write(bomb);
        await poll(() => answer !== '', { what: 'the answer' });
      });
      assert.match(answer, /^HTTP\/1\.1 413 /);
      assert.ok(heldMiB < 64, `${heldMiB} MiB`);
      socket.destroy();
    });

    it('without a length are no bodies', async () => {
      const answer = await raw(
        `PUT ${root}/bodies/instances/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${JSON.stringify(instance)}`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /);
      const old = await raw(
        `PUT ${root}/bodies/instances/a HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(instance)}`,
      );
      assert.match(old, /^HTTP\/1\.1 400 /);
      assert.equal(services().includes('bodies'), false);
    });
  });

  describe('paths and headers', () => {
    for (const target of [
      '/api/..;/v1/registry/local/services/good',
      '/api/v1/registry/local/services/good/',
      '/api/v1/registry/local/services/good%2finstances',
      '/api/v1/registry/local/services/%2e%2e/services/good',
      '/api/v1/registry/../registry/local/services/good',
      '/api/v1/registry/local/services/good;x=1',
      '/eureka/..;/api/v1/registry/local/services/good',
      '/eureka/apps/..%2fgood',
      '/eureka/apps//GOOD',
    ]) {
      it(`lead nowhere: DELETE ${target}`, async () => {
        const answer = await raw(`DELETE ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        assert.match(answer, /^HTTP\/1\.1 (?:400|404) /);
      });
    }

    it('do not make a GET a DELETE, nor a stranger a friend', async () => {
      for (const header of ['X-HTTP-Method-Override: DELETE', 'X-HTTP-Method: DELETE', 'X-Method-Override: DELETE']) {
        const answer = await raw(
          `GET ${root}/good HTTP/1.1\r\nHost: localhost\r\n${header}\r\nConnection: close\r\n\r\n`,
        );
        assert.match(answer, /^HTTP\/1\.1 400 /, header);
      }
      for (const header of ['Origin: https://evil.example', 'Sec-Fetch-Site: cross-site', 'Origin: null']) {
        const answer = await raw(
          `DELETE ${root}/good HTTP/1.1\r\nHost: localhost\r\n${header}\r\nX-Forwarded-For: 127.0.0.1\r\nUser-Agent: Nacos-Server\r\nConnection: close\r\n\r\n`,
        );
        assert.match(answer, /^HTTP\/1\.1 403 /, header);
      }
      const form = await raw(
        `POST /api/v1/registry/local/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      );
      assert.match(form, /^HTTP\/1\.1 415 /);
    });
  });

  it('from 1,000 slow senders at a time holds nobody up, and is ended', async () => {
    const head = `PUT ${root}/slow/instances/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{`;
    const sockets: Socket[] = [];
    const { heldMiB } = await costOf(async () => {
      for (let index = 0; index < 1000; index++) {
        const socket = connect(test.port, '127.0.0.1')
          .on('error', () => undefined)
          .resume();
        // Half of them do not come to the end of the head.
        socket.write(index % 2 === 0 ? head : head.slice(0, 60));
        sockets.push(socket);
      }
      await poll(() => sockets.every(({ connecting }) => !connecting), { what: 'all to be connected' });
      assert.equal(await put('good', 'a', instance), 200, 'others are served meanwhile');
      await poll(() => sockets.every(({ closed }) => closed), { what: 'all to be ended', timeoutMs: 30_000 });
    });
    assert.ok(heldMiB < 64, `${heldMiB} MiB`);
    assert.equal(services().includes('slow'), false);
  });

  function open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(test.port, '127.0.0.1', () => resolve(socket)).on('error', reject);
    });
  }

  /** Sends bytes as they are; gives what comes back until the server closes. */
  async function raw(text: string): Promise<string> {
    const socket = await open();
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.write(text);
    await poll(() => socket.closed, { what: 'the server to close' });
    return answer;
  }
});
