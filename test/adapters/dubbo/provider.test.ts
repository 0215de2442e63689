import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Outcome, ProviderReader } from '../../../adapters/dubbo/provider.js';
import { serviceProblems } from '../../../testkit/index.js';

const greet = 'lab.api.Greet';
const read = (url: string, interfaceName = greet): Outcome =>
  new ProviderReader().read(interfaceName, encodeURIComponent(url));

function provider(url: string, interfaceName = greet) {
  const outcome = read(url, interfaceName);
  assert.equal(outcome.kind, 'provider', JSON.stringify(outcome));
  return outcome as Extract<Outcome, { kind: 'provider' }>;
}

function rejection(url: string, interfaceName = greet) {
  const outcome = read(url, interfaceName);
  assert.equal(outcome.kind, 'rejected', JSON.stringify(outcome));
  return outcome as Extract<Outcome, { kind: 'rejected' }>;
}

const at = (query: string) => `dubbo://10.0.0.1:20880/${greet}?interface=${greet}&${query}`;

describe('ProviderReader', () => {
  it('reads a provider as Dubbo 3.3 registers it', () => {
    const { id, protocol, application, timestampMs, instance } = provider(
      `dubbo://192.0.2.2:42880/${greet}?anyhost=true&application=shop&background=false&bind.ip=192.0.2.2&bind.port=42880` +
        `&deprecated=false&dubbo=2.0.2&dynamic=true&generic=false&group=g1&hello.timeout=1234&interface=${greet}` +
        '&logger=slf4j&methods=add,hello&pid=17025&prefer.serialization=hessian2,fastjson2&qos.enable=false&release=3.3.6' +
        '&revision=1.0.0&side=provider&timeout=3000&timestamp=1795394375820&version=1.0.0&weight=200&zone=hz',
    );
    assert.deepEqual(id, { version: '1.0.0', group: 'g1' });
    assert.deepEqual([protocol, application, timestampMs], ['dubbo', 'shop', 1795394375820]);
    assert.deepEqual(
      { ...instance, metadata: { ...instance.metadata } },
      {
        id: 'dubbo://192.0.2.2:42880',
        address: '192.0.2.2',
        ports: { dubbo: 42880 },
        health: 'healthy',
        weight: 200,
        locality: { region: '', zone: 'hz', subzone: '' },
        metadata: {
          application: 'shop',
          dubbo: '2.0.2',
          'hello.timeout': '1234',
          'prefer.serialization': 'hessian2,fastjson2',
          release: '3.3.6',
          revision: '1.0.0',
          timeout: '3000',
          timestamp: '1795394375820',
          zone: 'hz',
        },
      },
    );
  });

  it('reads tri and rest, IPv6, host names, and a path that is not the interface', () => {
    assert.deepEqual(provider(`tri://[2001:DB8::1]:50051/${greet}`).instance.id, 'tri://[2001:db8::1]:50051');
    assert.equal(provider(`tri://2001:db8:0:0:0:0:0:1:50051/${greet}`).instance.address, '2001:db8::1');
    const rest = provider(`rest://Pod-1.example:8080/shop/${greet}?interface=${greet}`).instance;
    assert.deepEqual(
      [rest.address, rest.ports, rest.metadata['path']],
      ['pod-1.example', { rest: 8080 }, `shop/${greet}`],
    );
  });

  it('takes the weight, 100 when it is absent', () => {
    const weight = (query: string) => provider(at(query)).instance.weight;
    assert.equal(weight('a=b'), 100);
    assert.equal(weight('weight=1'), 1);
    assert.equal(weight('weight=0'), 0);
    assert.equal(weight('weight=-5'), 0);
    assert.equal(weight('weight=99999999'), 1_000_000);
    for (const text of ['abc', '1e9', '0x10', '1.5', ' 1', '9'.repeat(16), 'NaN']) {
      assert.match(rejection(at(`weight=${text}`)).rejection.reason, /weight/);
    }
  });

  it('takes the switches as Dubbo does: disabled, then enabled, and static providers', () => {
    const health = (query: string) => provider(at(query)).instance.health;
    assert.equal(health('a=b'), 'healthy');
    assert.equal(health('disabled=true'), 'unhealthy');
    assert.equal(health('disabled=TRUE'), 'unhealthy');
    assert.equal(health('disabled=false'), 'healthy');
    assert.equal(health('enabled=false'), 'unhealthy');
    assert.equal(health('disabled=false&enabled=false'), 'healthy');
    assert.equal(health('enabled=true'), 'healthy');
    assert.equal(health('dynamic=false'), 'unknown');
    assert.equal(health('dynamic=false&disabled=true'), 'unhealthy');
  });

  it('ignores what is no provider', () => {
    for (const url of [
      `consumer://10.0.0.1/${greet}?category=consumers&side=consumer`,
      at('category=consumers'),
      at('category=configurators'),
      at('side=consumer'),
      `empty://10.0.0.1/${greet}?category=providers`,
      `override://0.0.0.0/${greet}?category=configurators&weight=50`,
      `absent://0.0.0.0/${greet}`,
      `route://0.0.0.0/${greet}?category=routers`,
      `condition://0.0.0.0/${greet}`,
    ]) {
      assert.equal(read(url).kind, 'ignored', url);
    }
    assert.equal(read(at('category=providers')).kind, 'provider');
  });

  it('leaves out one bad record, with its reason', () => {
    const reason = (url: string) => rejection(url).rejection.reason;
    assert.match(reason('garbage'), /not a Dubbo URL/);
    assert.match(reason(`hessian://10.0.0.1:80/${greet}`), /protocol/);
    assert.match(reason('dubbo://10.0.0.1:80/other.Api'), /interface/);
    assert.match(reason(`dubbo://10.0.0.1/${greet}`), /port/);
    for (const port of ['0', '-1', '65536', '080', '8e3', '']) {
      assert.match(reason(`dubbo://10.0.0.1:${port}/${greet}`), /port|address/, port);
    }
    assert.match(reason(`dubbo://0.0.0.0:80/${greet}`), /unspecified/);
    assert.match(reason(`dubbo://169.254.169.254:80/${greet}`), /link-local/);
    assert.match(reason(`dubbo://[fe80::1%eth0]:80/${greet}`), /zone/);
    assert.match(reason(at('version=a:b')), /version/);
    assert.match(reason(at(`group=${'g'.repeat(129)}`)), /group/);
    assert.match(reason(at('group=a\nb')), /group/);
  });

  it('knows the service of a record that it leaves out, when it can be read', () => {
    assert.deepEqual(rejection(at('weight=x&version=2&group=g')).id, { version: '2', group: 'g' });
    assert.equal(rejection('garbage').id, undefined);
  });

  it('shows no credentials, neither in metadata nor in what is left out', () => {
    const secrets = 'password=S3CRET&token=S3CRET&username=S3CRET&accessKeyId=S3CRET&my.secret=S3CRET&db.passwd=S3CRET';
    const { metadata } = provider(
      `dubbo://S3CRET:S3CRET@10.0.0.1:20880/${greet}?${secrets}&user=S3CRET&note=kept`,
    ).instance;
    assert.deepEqual({ ...metadata }, { note: 'kept' });
    const url = `dubbo://S3CRET:S3CRET@0.0.0.0:20880/${greet}?${secrets}`;
    for (const record of [url, `x${encodeURIComponent(url)}`, encodeURIComponent(encodeURIComponent(url)), `${url}%`]) {
      const outcome = new ProviderReader().read(greet, record.includes('%2F') ? record : encodeURIComponent(record));
      assert.doesNotMatch(JSON.stringify(outcome), /S3CRET/);
    }
  });

  it('shows no password with an @ or a slash in it, nor that of a second URL', () => {
    for (const url of [
      `hessian://me:S3%40CRET@10.0.0.1:20880/${greet}`,
      `hessian://me:S3%2FCRET@10.0.0.1:20880/${greet}`,
      `hessian://me:S3@CRET@10.0.0.1:20880/${greet}`,
      `hessian://me:S3CRET@10.0.0.1:20880/${greet}?registry=zookeeper://me:S3CRET@zk:2181`,
    ]) {
      for (const name of [encodeURIComponent(url), encodeURIComponent(encodeURIComponent(url))]) {
        const outcome = new ProviderReader().read(greet, name);
        assert.ok(outcome.kind === 'rejected');
        assert.doesNotMatch(outcome.rejection.record, /S3|CRET/, name);
      }
    }
  });

  it('keeps no metadata that is a URL with a password', () => {
    for (const value of ['http://me:S3CRET@h/', encodeURIComponent('http://me:S3CRET@h/')]) {
      const { metadata } = provider(at(`upstream=${value}&home=http://h:80/`)).instance;
      assert.deepEqual({ ...metadata }, { home: 'http://h:80/' });
    }
  });

  it('shows what it leaves out shortened, with control characters escaped', () => {
    const { record } = rejection(`x\r\n\u001b[31m\u202e${'long'.repeat(500)}`).rejection;
    assert.ok(record.startsWith('x\\r\\n\\u001b[31m\\u202e'), record);
    assert.ok(record.length <= 200);
  });

  it('bounds and isolates metadata keys', () => {
    const many = Array.from({ length: 5000 }, (_, index) => `k${index}=v`).join('&');
    assert.ok(Object.keys(provider(at(many)).instance.metadata).length <= 256);
    const { metadata } = provider(at(`__proto__=x&constructor=y&huge=${'v'.repeat(10_000)}`)).instance;
    assert.deepEqual(Object.entries(metadata).sort(), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('gives the same whether it has read other providers before or not', () => {
    const reader = new ProviderReader();
    const queries = [
      'pid=1&timestamp=5&a=1',
      'a=1&pid=2&timestamp=6',
      'a=1',
      'xpid=7&xtimestamp=8&a=1',
      'timestamp=x&a=1',
    ];
    for (const query of [...queries, ...queries]) {
      const name = encodeURIComponent(at(query));
      assert.deepEqual(reader.read(greet, name), new ProviderReader().read(greet, name), query);
    }
    assert.deepEqual(
      { ...provider(at('xpid=7&xtimestamp=8&pid=9')).instance.metadata },
      { xpid: '7', xtimestamp: '8' },
    );
  });

  it('never throws, and whatever it takes is sound', () => {
    const reader = new ProviderReader();
    const word = fc.constantFrom(
      'dubbo',
      'tri',
      '10.0.0.1',
      '::1',
      '80',
      greet,
      'weight',
      'version',
      'group',
      'zone',
      '-1',
      '%',
    );
    const mark = fc.constantFrom('://', ':', '/', '?', '&', '=', '@', '%', '\0', '\u2028');
    const text = fc.array(fc.oneof(word, mark, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.boolean(), (parts, whole) => {
        const url = whole ? at(parts.join('')) : parts.join('');
        const outcome = reader.read(greet, encodeURIComponent(url.replace(/[\ud800-\udfff]/g, '')));
        if (outcome.kind === 'ignored') return;
        const problems = serviceProblems({
          name: 'x',
          attributes: {},
          ports: ['dubbo', 'tri', 'rest'].map((name, index) => ({ name, number: index + 1, protocol: 'tcp' as const })),
          instances: outcome.kind === 'provider' ? [outcome.instance] : [],
          metadata: {},
          rejected: outcome.kind === 'rejected' ? [outcome.rejection] : [],
        });
        assert.deepEqual(problems, []);
      }),
      { numRuns: 2000 },
    );
  });
});
