import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ConfigError } from '../../../core/config/config-error.js';
import { guardRulesOf } from '../../../core/config/guard-rules.js';
import { loadConfig } from '../../../core/config/load-config.js';
import { mergePolicyOf } from '../../../core/config/merge-policy.js';
import { Secret } from '../../../core/config/secret.js';
import { defaultGuards } from '../../../core/guard/rules.js';
import { parse, plugins } from './kinds.js';

const full = `
site: hz-1
api: { listen: "[::1]:9090", token: "\${env:API_TOKEN}", allowedHosts: [Isthmus.Example] }
data: /var/lib/isthmus
log: { level: debug, format: pretty }
sources:
  - { name: dubbo-hz, kind: zookeeper, servers: [zk-0:2181, zk-1:2181], dubbo: { root: /dubbo }, graceMs: 5000 }
  - { name: nacos-hz, kind: nacos, servers: [http://nacos:8848/], required: false, password: "\${file:run/nacos}" }
naming:
  - { source: dubbo-hz, host: "{interface}.dubbo" }
  - { service: "gray@*", host: "{name}.gray" }
merge: { default: refuse, rules: [{ host: "orders.*", prefer: [nacos-hz, dubbo-hz] }, { host: "pay.*", mode: union }] }
sinks:
  - { kind: mcp, listen: 127.0.0.1:15010 }
`;

describe('loadConfig', () => {
  it('gives everything, with defaults and resolved secrets', () => {
    const config = parse(full, { API_TOKEN: 'token-value' }, { '/etc/isthmus/run/nacos': 'nacos-value\n' });
    assert.equal(config.site, 'hz-1');
    assert.deepEqual(config.api.listen, { host: '::1', port: 9090 });
    assert.equal(config.api.token?.reveal(), 'token-value');
    assert.deepEqual(config.api.allowedHosts, ['isthmus.example']);
    assert.deepEqual(config.log, { level: 'debug', format: 'pretty' });
    assert.deepEqual(
      config.sources.map(({ config: _, addresses: __, ...base }) => base),
      [
        { name: 'dubbo-hz', kind: 'zookeeper', required: true, graceMs: 5000, staleAfterMs: 300_000 },
        { name: 'nacos-hz', kind: 'nacos', required: false, graceMs: 60_000, staleAfterMs: 300_000 },
      ],
    );
    assert.deepEqual(config.sources[0]?.config, {
      servers: [
        { host: 'zk-0', port: 2181 },
        { host: 'zk-1', port: 2181 },
      ],
      dubbo: { root: '/dubbo' },
    });
    const password = config.sources[1]?.config['password'];
    assert.ok(password instanceof Secret);
    assert.equal(password.reveal(), 'nacos-value');
    assert.deepEqual(config.sinks, [
      { kind: 'mcp', name: 'mcp', config: { listen: { host: '127.0.0.1', port: 15_010 }, shards: 1 } },
    ]);
    assert.equal(config.naming[0]?.host.text, '{interface}.dubbo');
    assert.equal(config.naming[1]?.source, undefined);
  });

  it('shows no secret when the configuration is printed', () => {
    const config = parse(full, { API_TOKEN: 'token-value' }, { '/etc/isthmus/run/nacos': 'nacos-value\n' });
    for (const dump of [JSON.stringify(config), inspect(config, { depth: 10 })]) {
      assert.doesNotMatch(dump, /token-value|nacos-value/);
    }
  });

  it('fills in what a short file leaves out', () => {
    const config = parse('site: a\nsources: [{ name: n, kind: nacos, servers: [http://n:1] }]\n');
    assert.deepEqual(config.api, { listen: { host: '127.0.0.1', port: 8080 }, allowedHosts: [] });
    assert.equal(config.data, './data');
    assert.deepEqual(config.log, { level: 'info', format: 'json' });
    assert.deepEqual(config.merge, { default: { mode: 'union' }, rules: [] });
    assert.deepEqual(config.sinks, []);
    assert.deepEqual(config.naming, []);
    assert.deepEqual(guardRulesOf(config.guards), { ...defaultGuards, minimumHealthy: undefined });
    assert.deepEqual(config.warmStart, { enabled: true, graceMs: 5000, maxBytes: 1024 ** 3 });
    assert.deepEqual([config.shape, config.quarantine], [[], []]);
  });

  it('gives a source its own guards in place of the general ones', () => {
    const config = parse(`site: a
sources:
  - { name: n, kind: nacos, servers: ["http://n:1"], guards: { massLoss: false, minimumHealthy: { share: 0.5 } } }
guards: { empty: { minInstances: 9 }, flap: false }
`);
    const rules = guardRulesOf(config.guards, config.sources[0]?.guards);
    assert.equal(rules.massLoss, undefined);
    assert.equal(rules.flap, undefined);
    assert.equal(rules.empty?.minInstances, 9);
    assert.deepEqual(rules.minimumHealthy, { share: 0.5, maxHoldMs: 600_000 });
    assert.deepEqual(rules.staleness, defaultGuards.staleness);
  });

  it('reads addresses and quarantine, and refuses what is none', () => {
    const at = (text: string) =>
      parse(`site: a\nsources: [{ name: n, kind: nacos, servers: ["http://n:1"] }]\n${text}\n`);
    const { quarantine } = at('quarantine: [{ address: 10.0.0.0/8, reason: r, until: "2026-12-01T06:00:00+08:00" }]');
    assert.equal(quarantine[0]?.until, Date.UTC(2026, 10, 30, 22));
    assert.throws(
      () => at('quarantine: [{ address: 10.0.0.0/99, reason: r }]'),
      /expected an IP address, a CIDR block/,
    );
    assert.throws(() => at('quarantine: [{ service: x, reason: r }]'), /expected an address or labels/);
    assert.throws(() => at('quarantine: [{ address: 10.0.0.1, reason: r, until: tomorrow }]'), /expected a time as/);
    assert.throws(
      () => at('quarantine: [{ address: 10.0.0.1, reason: r, until: "2026-13-01T00:00:00Z" }]'),
      /no such time/,
    );
  });

  it('follows aliases', () => {
    const config = parse(`site: a
sources:
  - { name: n, kind: nacos, servers: &servers [http://n:1] }
  - { name: m, kind: nacos, servers: *servers }
`);
    assert.deepEqual(config.sources[1]?.config['servers'], ['http://n:1']);
  });

  it('takes the first rule of a merge that matches the host', () => {
    const { merge } = parse(full, { API_TOKEN: 'x' }, { '/etc/isthmus/run/nacos': 'x' });
    const policyOf = mergePolicyOf(merge);
    assert.deepEqual(policyOf('orders.nacos'), { mode: 'prefer', sources: ['nacos-hz', 'dubbo-hz'] });
    assert.deepEqual(policyOf('pay.nacos'), { mode: 'union' });
    assert.deepEqual(policyOf('other'), { mode: 'refuse' });
  });

  describe('from disk', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'isthmus-config-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    const load = (text: string | Uint8Array) => {
      const path = join(folder, 'isthmus.yaml');
      writeFileSync(path, text);
      return loadConfig(path, plugins, { env: {} });
    };

    it('finds a secret beside the file, through a link, without its last newline', () => {
      writeFileSync(join(folder, 'real-secret'), 'two\nlines\r\n');
      symlinkSync('real-secret', join(folder, 'secret'));
      const config = load(
        'site: a\nsources: [{ name: n, kind: nacos, servers: [http://n:1], password: "${file:secret}" }]\n',
      );
      const password = config.sources[0]?.config['password'];
      assert.ok(password instanceof Secret);
      assert.equal(password.reveal(), 'two\nlines');
    });

    it('takes a byte order mark', () => {
      assert.equal(load('\uFEFFsite: a\nsources: [{ name: n, kind: nacos, servers: [http://n:1] }]\n').site, 'a');
    });

    it('refuses what is no readable text, with the reason', () => {
      const reason = (run: () => unknown) => {
        try {
          run();
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          return error.message.replaceAll(folder, '');
        }
        assert.fail('nothing was thrown');
      };
      assert.equal(
        reason(() => loadConfig(join(folder, 'none.yaml'), plugins)),
        '/none.yaml: (top level): cannot read the file: no such file',
      );
      assert.equal(
        reason(() => loadConfig(folder, plugins)),
        ': (top level): cannot read the file: it is a directory',
      );
      assert.match(
        reason(() => load(Buffer.alloc(1024 * 1024 + 1, '#'))),
        /cannot read the file: it is larger than 1048576 bytes$/,
      );
      assert.match(
        reason(() => load(new Uint8Array([0x61, 0xff]))),
        /cannot read the file: it is not UTF-8 text$/,
      );
      writeFileSync(join(folder, 'huge'), Buffer.alloc(64 * 1024 + 1, 'x'));
      assert.match(
        reason(() => load('site: "${file:huge}"\nsources: [{ name: n, kind: nacos, servers: [http://n:1] }]\n')),
        /isthmus\.yaml:1:8: site: cannot read \/huge: it is larger than 65536 bytes$/,
      );
    });
  });
});
