import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { plugins } from '../../cli/wire.js';
import { runCli } from './run-cli.js';

describe('isthmus istio mesh-config', () => {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-mesh-config-'));
  after(() => rmSync(dir, { recursive: true }));

  async function meshConfig(sinks: string, ...args: string[]) {
    const file = join(dir, 'isthmus.yaml');
    writeFileSync(file, `site: hz-1\nsources: [{ name: a, kind: api }]\nsinks:\n${sinks}\n`);
    return runCli(['istio', 'mesh-config', '--config', file, ...args], { plugins });
  }
  const address = ['--address', 'isthmus.istio-system.svc'];

  it('is one config source, and the cluster', async () => {
    assert.deepEqual(await meshConfig('  - { kind: mcp }', ...address), {
      code: 0,
      stdout: 'configSources:\n  - address: xds://isthmus.istio-system.svc:15010\n  - address: k8s://\n',
      stderr: '',
    });
  });

  it('is one a shard, by the name that is dialled', async () => {
    const { stdout } = await meshConfig(
      '  - { kind: mcp, shards: 3, listen: 0.0.0.0:9000, plaintext: true }',
      ...address,
    );
    assert.deepEqual(stdout.match(/\S+:\/\/\S*/g), [
      'xds://shard-0-of-3.isthmus.istio-system.svc:9000',
      'xds://shard-1-of-3.isthmus.istio-system.svc:9000',
      'xds://shard-2-of-3.isthmus.istio-system.svc:9000',
      'k8s://',
    ]);
  });

  it('is one a shard, by port', async () => {
    const { stdout } = await meshConfig('  - { kind: mcp, shards: 2, shardBy: port }', ...address, '--port', '30000');
    assert.deepEqual(stdout.match(/\S+:\/\/\S*/g), [
      'xds://isthmus.istio-system.svc:30200',
      'xds://isthmus.istio-system.svc:30201',
      'k8s://',
    ]);
  });

  it('is one a shard, as Services beside one another', async () => {
    const { stdout } = await meshConfig('  - { kind: mcp, shards: 2 }', ...address, '--services');
    assert.deepEqual(stdout.match(/xds:\S*/g), [
      'xds://isthmus-shard-0-of-2.istio-system.svc:15010',
      'xds://isthmus-shard-1-of-2.istio-system.svc:15010',
    ]);
  });

  it('names shards by SNI alone where there is TLS, with the authorities and nothing else of their file', async () => {
    const sink = '  - { kind: mcp, shards: 2, tls: { cert: a.pem, key: b.pem } }';
    const file = join(dir, 'ca.pem');
    const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    writeFileSync(file, `${certificate}-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n`);
    const { stdout, stderr } = await meshConfig(sink, ...address, '--ca', file);
    const { configSources } = parse(stdout) as { configSources: object[] };
    assert.deepEqual(configSources, [
      ...[0, 1].map((index) => ({
        address: 'xds://isthmus.istio-system.svc:15010',
        tlsSettings: {
          mode: 'SIMPLE',
          sni: `shard-${index}-of-2.isthmus.istio-system.svc`,
          caCertificates: certificate,
        },
      })),
      { address: 'k8s://' },
    ]);
    assert.equal(stderr, '');
    assert.match((await meshConfig(sink, ...address)).stderr, /give others with --ca/);
    assert.equal((await meshConfig(sink, ...address, '--ca', join(dir, 'no.pem'))).code, 2);
    writeFileSync(file, 'none');
    assert.match((await meshConfig(sink, ...address, '--ca', file)).stderr, /has no certificate in PEM/);
  });

  it('says what it assumed of the address', async () => {
    const { stdout, stderr } = await meshConfig("  - { kind: mcp, listen: '[::1]:15010' }");
    assert.match(stdout, /xds:\/\/\[::1\]:15010\n/);
    assert.match(stderr, /istiod is told to dial ::1; give its name for the daemon with --address\n/);
    assert.match(
      (await meshConfig('  - { kind: mcp, listen: 0.0.0.0:1, plaintext: true }')).stdout,
      /xds:\/\/isthmus.istio-system.svc:1\n/,
    );
  });

  it('refuses an address that shards cannot have names below', async () => {
    const { code, stderr } = await meshConfig('  - { kind: mcp, shards: 2 }', '--address', '10.0.0.1');
    assert.equal(code, 1);
    assert.match(stderr, /10\.0\.0\.1 is no name, so shards cannot have names below it/);
  });

  it('asks which sink is meant, and says when there is none', async () => {
    const two = '  - { kind: mcp, name: a }\n  - { kind: mcp, name: b, listen: 127.0.0.1:15011 }';
    const unsaid = await meshConfig(two, ...address);
    assert.deepEqual([unsaid.code, unsaid.stdout], [2, '']);
    assert.match(unsaid.stderr, /say --sink, one of a, b/);
    assert.match((await meshConfig(two, ...address, '--sink', 'b')).stdout, /:15011\n/);
    assert.equal((await meshConfig(two, ...address, '--sink', 'c')).code, 4);
    assert.equal((await meshConfig('  []')).code, 4);
    assert.equal((await meshConfig('  - { kind: mcp }', '--port', '0')).code, 2);
  });
});
