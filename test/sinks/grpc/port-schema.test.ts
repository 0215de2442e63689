import assert from 'node:assert/strict';
import { mcpSchema } from '../../../sinks/mcp/config.js';
import { xdsSchema } from '../../../sinks/xds/config.js';

const tls = { cert: '/etc/tls/tls.crt', key: '/etc/tls/tls.key' };

for (const [kind, schema] of [
  ['mcp', mcpSchema],
  ['xds', xdsSchema],
] as const) {
  describe(`the port of a sink of kind ${kind}, as it is configured`, () => {
    const problems = (config: object) =>
      schema.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

    it('is plain text on loopback by default, and has limits', () => {
      for (const host of ['127.0.0.1', '127.8.9.10', 'localhost', '[::1]']) {
        assert.deepEqual(problems({ listen: `${host}:15010` }), []);
      }
      const { tls: none, plaintext, limits } = schema.parse({});
      assert.deepEqual([none, plaintext], [undefined, false]);
      assert.deepEqual(limits, {
        streamsPerConnection: 100,
        requestBytes: 4_194_304,
        resets: 100,
        resetWindowMs: 10_000,
      });
    });

    it('is no plain text where others can reach it, unless that is wanted', () => {
      for (const host of ['0.0.0.0', '[::]', '10.0.0.1', 'isthmus.internal', '127.0.0.1.evil.example', '1270.0.0.1']) {
        const listen = `${host}:15010`;
        const [first = '', ...others] = problems({ listen });
        assert.match(first, /^listen: .*is not loopback.*give tls \(cert and key\), or plaintext: true/);
        assert.deepEqual(others, []);
        assert.deepEqual(problems({ listen, plaintext: true }), []);
        assert.deepEqual(problems({ listen, tls }), []);
      }
      assert.deepEqual(problems({ tls, plaintext: true }), ['plaintext: either tls or plaintext: true']);
    });

    it('asks for client certificates by authority and name', () => {
      const clientSans = ['*.mesh.internal', 'istiod.istio-system.svc', 'spiffe://cluster.local/ns/edge/*'];
      assert.deepEqual(problems({ tls: { ...tls, clientCa: '/ca.crt', clientSans } }), []);
      assert.deepEqual(problems({ tls: { ...tls, clientSans } }), [
        'tls.clientSans: no certificate is asked for without clientCa',
      ]);
      assert.match(
        problems({ tls: { ...tls, clientCa: '/ca.crt', clientSans: ['*'] } })[0] ?? '',
        /^tls\.clientSans\.0: /,
      );
      assert.equal(problems({ tls: { cert: '/a' } }).length, 1);
    });
  });
}
