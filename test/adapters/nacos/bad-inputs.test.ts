import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { NacosHttp } from '../../../adapters/nacos/http-client.js';
import { nacosMetrics } from '../../../adapters/nacos/metrics.js';
import { toRecords } from '../../../adapters/nacos/raw-records.js';
import { parseServer } from '../../../adapters/nacos/server.js';
import type { Instance, Source } from '../../../core/plugin/index.js';
import { Payload } from '../../../proto/gen/nacos.js';
import { type Recorder, SourceRun, serviceProblems } from '../../../testkit/index.js';
import { type Body, FakeNacos, host } from './fake-nacos.js';
import { makeSource } from './make-source.js';

const key = (service: string) => `public@@DEFAULT_GROUP@@${service}`;
const inFake = (service: string) => `DEFAULT_GROUP@@${service}`;
const deep = `${'['.repeat(10_000)}1${']'.repeat(10_000)}`;
const manyKeys = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, 'x']));
/** Longest that the loop may be held up, milliseconds; the machine of the tests may be slow. */
const stallMs = 1000;

describe('adapters/nacos with bad inputs', () => {
  let fake: FakeNacos;
  let run: SourceRun;
  let source: Source;
  let recorder: Recorder;

  beforeEach(async () => {
    fake = await FakeNacos.start();
    fake.services.set(inFake('good'), [host('10.0.0.1', { metadata: { version: 'v1' } })]);
    fake.services.set(inFake('bad'), [host('10.0.0.2')]);
    source = makeSource({
      servers: ['http://127.0.0.1:1'],
      namespaces: ['public'],
      groups: ['DEFAULT_GROUP'],
      grpcPortOffset: fake.port - 1,
      listIntervalMs: 100,
      settleMs: 0,
    });
    run = new SourceRun(source);
    recorder = run.recorder;
    await recorder.waitFor(({ synced }) => synced, { what: 'the first listing' });
  });

  afterEach(async () => {
    await run.stop();
    fake.stop();
  });

  /** Pushes JSON as it stands for the service `bad`, with a good instance beside what is bad. */
  const push = async (hosts: string) => {
    const good = JSON.stringify(host('10.0.0.9'));
    const info = `{"name":"bad","groupName":"DEFAULT_GROUP","hosts":[${hosts},${good}]}`;
    const value = Buffer.from(`{"requestId":"1","serviceInfo":${info}}`);
    const metadata = { type: 'NotifySubscriberRequest', headers: {}, clientIp: '' };
    const before = recorder.services.get(key('good'));
    const from = performance.now();
    fake.pushBytes(Buffer.from(Payload.encode({ metadata, body: { typeUrl: '', value } }).finish()));
    const bad = () => recorder.services.get(key('bad'));
    await recorder.waitFor(() => bad()?.instances.some(({ address }) => address === '10.0.0.9') === true, {
      what: 'the good instance beside the bad one',
    });
    assert.ok(performance.now() - from < stallMs, `took ${performance.now() - from} ms`);
    assert.equal(recorder.services.get(key('good')), before, 'another service was touched');
    assert.equal(recorder.degradedScopes.size, 0);
    const service = bad();
    assert.ok(service);
    assert.deepEqual(serviceProblems(service), []);
    return service;
  };
  const at = (instances: readonly Instance[], address: string) => instances.find((one) => one.address === address);

  const rejected: readonly (readonly [string, string])[] = [
    ['a port of -1', '{"ip":"10.0.0.2","port":-1}'],
    ['a port of 65536', '{"ip":"10.0.0.2","port":65536}'],
    ['a port with a leading zero', '{"ip":"10.0.0.2","port":"080"}'],
    ['a port that is no whole number', '{"ip":"10.0.0.2","port":80.5}'],
    ['no port', '{"ip":"10.0.0.2"}'],
    ['the address of a cloud’s credentials', '{"ip":"169.254.169.254","port":80}'],
    ['the unspecified address', '{"ip":"0.0.0.0","port":80}'],
    ['an address with a zone', '{"ip":"fe80::1%eth0","port":80}'],
    ['an address with control characters', String.raw`{"ip":"10.0.0.2\r\n\u001b[31m","port":80}`],
    ['an address of 1 MiB', `{"ip":"${'a'.repeat(1_048_576)}","port":80}`],
    ['no object', 'null'],
    ['JSON that is 10,000 deep in place of an instance', deep],
  ];
  for (const [what, hosts] of rejected) {
    it(`leaves out an instance with ${what}, and says so`, async () => {
      const { instances, rejected: left = [] } = await push(hosts);
      assert.equal(instances.length, 1);
      assert.equal(left.length, 1);
      assert.ok((left[0]?.record.length ?? 0) <= 200);
      assert.doesNotMatch(left[0]?.record ?? '', /\p{Cc}/u);
    });
  }

  const weights: readonly (readonly [string, number])[] = [
    ['-1', 0],
    ['-1e999', 0],
    ['1e999', 1_000_000],
    ['1e300', 1_000_000],
    ['9007199254740993', 1_000_000],
    ['null', 100],
    ['"NaN"', 100],
    ['"7"', 100],
    ['{}', 100],
  ];
  for (const [weight, wanted] of weights) {
    it(`makes ${wanted} of the weight ${weight}`, async () => {
      const { instances } = await push(`{"ip":"10.0.0.2","port":80,"weight":${weight}}`);
      assert.equal(at(instances, '10.0.0.2')?.weight, wanted);
    });
  }

  it('bounds metadata: their count, their length, their depth', async () => {
    const metadata = JSON.stringify({ ...manyKeys }).slice(0, -1);
    const long = `"long":"${'x'.repeat(1_048_576)}"`;
    const { instances } = await push(`{"ip":"10.0.0.2","port":80,"metadata":${metadata},${long},"deep":${deep}}}`);
    const found = at(instances, '10.0.0.2')?.metadata ?? {};
    assert.ok(Object.keys(found).length <= 256);
    assert.ok(!('long' in found) && !('deep' in found));
    assert.equal(found['nacos.cluster'], 'DEFAULT');
  });

  it('takes no key of metadata for a word of JavaScript, nor for one of its own', async () => {
    const said = '{"__proto__":"p","constructor":"c","toString":"t","nacos.cluster":"forged","nacos.ephemeral":"x"}';
    const { instances } = await push(`{"ip":"10.0.0.2","port":80,"metadata":${said}}`);
    const found = at(instances, '10.0.0.2')?.metadata ?? {};
    assert.deepEqual(
      ['__proto__', 'constructor', 'toString', 'nacos.cluster', 'nacos.ephemeral'].map(
        (name) => Object.getOwnPropertyDescriptor(found, name)?.value,
      ),
      ['p', 'c', 't', 'DEFAULT', 'true'],
    );
    assert.equal(({} as Body)['p'], undefined);
  });

  it('takes lone surrogates, duplicate keys and numbers too large for what they are', async () => {
    const host2 = String.raw`{"ip":"10.0.0.1","ip":"10.0.0.2","port":80,"metadata":{"a":"\ud800","b":9007199254740993}}`;
    const { instances } = await push(host2);
    assert.ok(at(instances, '10.0.0.2') && !at(instances, '10.0.0.1'));
  });

  it('keeps services with odd names apart, and leaves out what is no name', async () => {
    const names = [
      '__proto__',
      'constructor',
      'a\u0000b',
      'a\r\nb',
      '\u001b[31mred',
      '\u202eabc',
      'x'.repeat(512),
      '..',
      '*',
    ];
    const none = ['', 'a@@b', 'DEFAULT_GROUP@@', 'DEFAULT_GROUP@@x@@y'];
    const answers = names.map((name, index) => [name, [host(`10.1.0.${index}`)]] as const);
    fake.scripts.set('ServiceListRequest', () => ({
      count: names.length + none.length + 2,
      serviceNames: [...names, ...none, 'good', 'bad'],
    }));
    fake.scripts.set('SubscribeServiceRequest', ({ serviceName }) => {
      const hosts = answers.find(([name]) => name === serviceName)?.[1];
      return hosts && { serviceInfo: { name: String(serviceName), groupName: 'DEFAULT_GROUP', hosts } };
    });
    await recorder.waitFor(({ services }) => services.size === names.length + 2, { what: 'all of them' });
    for (const [name, hosts] of answers) {
      const service = recorder.services.get(key(name));
      assert.equal(service?.instances[0]?.address, hosts[0]?.['ip'], JSON.stringify(name));
    }
  });

  it('says in a record what cannot be shown', () => {
    const [record] = toRecords(
      [{ ip: '10.0.0.1', port: 80, metadata: { deep: JSON.parse(deep) as unknown } }],
      undefined,
    );
    assert.match(record?.text ?? '', /"deep":\[.*…/);
    const [long] = toRecords([{ ip: 'x'.repeat(100_000) }], undefined);
    assert.ok((long?.text.length ?? 0) <= 4096 && (long?.id.length ?? 0) <= 200);
  });

  it('unpacks nothing that it did not ask to be packed', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 32));
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' }).end(bomb);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const metrics = nacosMetrics(new Registry(), 'a');
    const servers = [parseServer(`http://127.0.0.1:${port}`, 1000)];
    const http = new NacosHttp({ servers, tls: undefined, timeoutMs: 5000, metrics });
    try {
      await assert.rejects(http.request({ path: '/v1/ns/instance/list' }, new AbortController().signal), /than JSON/);
    } finally {
      await http.close();
      server.close();
    }
  });
});
