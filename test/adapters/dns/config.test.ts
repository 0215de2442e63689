import assert from 'node:assert/strict';
import { dnsSchema } from '../../../adapters/dns/config.js';

describe('adapters/dns: the configuration', () => {
  const problems = (names: unknown, more: object = {}) => {
    const result = dnsSchema.safeParse({ names, ...more });
    return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  it('takes names of all kinds', () => {
    const names = [
      { host: 'orders.internal', port: 80 },
      { host: 'Shop.Internal.', name: 'shop', type: 'A', port: 443, protocol: 'https', servicePort: 8443 },
      { host: '_http._tcp.users.internal', type: 'SRV' },
    ];
    assert.deepEqual(problems(names, { servers: ['10.0.0.2:53', '[2001:db8::1]:53'] }), []);
  });

  for (const [what, names, said] of [
    ['no name', [], /names/],
    ['no port', [{ host: 'a.test' }], /0\.port: say which/],
    ['a port beside SRV', [{ host: 'a.test', type: 'SRV', port: 80 }], /0\.port: SRV records/],
    ['an address', [{ host: '10.0.0.1', port: 80 }], /0\.host: expected a DNS name/],
    ['a label of 64', [{ host: `${'a'.repeat(64)}.test`, port: 80 }], /0\.host/],
    ['254 characters', [{ host: `${'a.'.repeat(126)}ab`, port: 80 }], /0\.host/],
    ['two dots', [{ host: 'a..test', port: 80 }], /0\.host/],
    ['a line break', [{ host: 'a.test\n', port: 80 }], /0\.host/],
    ['a homoglyph', [{ host: 'аpple.test', port: 80 }], /0\.host/],
    [
      'one name twice',
      [
        { host: 'a.test', port: 80 },
        { host: 'A.test.', port: 81 },
      ],
      /1\.name: another/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.match(problems(names).join('; '), said);
    });
  }

  it('refuses servers that are no addresses', () => {
    assert.match(problems([{ host: 'a.test', port: 80 }], { servers: ['dns.internal:53'] }).join(), /IP address/);
    assert.match(problems([{ host: 'a.test', port: 80 }], { servers: ['10.0.0.1'] }).join(), /HOST:PORT/);
  });

  it('takes no long time for a hostile name', () => {
    const startMs = performance.now();
    for (const host of [`${'a'.repeat(253)}`, `${'a-'.repeat(126)}`, `${'1.'.repeat(126)}`, `${'-'.repeat(100_000)}`]) {
      problems([{ host, port: 80 }]);
    }
    assert.ok(performance.now() - startMs < 500);
  });
});
