import assert from 'node:assert/strict';
import { mcpSchema } from '../../../sinks/mcp/config.js';

describe('the configuration of the MCP sink', () => {
  it('needs nothing', () => {
    assert.deepEqual(mcpSchema.parse({}), {
      listen: { host: '127.0.0.1', port: 15_010 },
      shards: 1,
      shardBy: 'authority',
      alsoShards: [],
      namespace: 'legacy',
      location: 'internal',
      labels: ['app', 'dubbo.tag', 'tag', 'version'],
      addLabels: {},
      serviceLabels: [],
      subjectAltNames: [],
      rules: [],
      emptyServices: { keepMs: 600_000 },
      exportTo: [],
      ackTimeoutMs: 60_000,
      maxClients: 100,
      keepaliveMs: 30_000,
      plaintext: false,
      limits: { streamsPerConnection: 100, requestBytes: 4_194_304, resets: 100, resetWindowMs: 10_000 },
    });
  });

  it('takes what an operator may say', () => {
    const said = {
      listen: '[::1]:15011',
      shards: 8,
      shardBy: 'port',
      alsoShards: [4, 1],
      namespace: 'registry-{source|label}',
      location: 'external',
      labels: ['app.kubernetes.io/name', 'dubbo.*'],
      addLabels: { 'security.istio.io/tlsMode': 'istio', team: '{metadata.team|label}' },
      serviceLabels: ['owner'],
      exportTo: ['.', 'shop'],
      subjectAltNames: ['spiffe://cluster.local/ns/{source}/sa/{metadata.app}'],
      rules: [
        { match: { source: 'dubbo-*', host: '*.dubbo', service: 'com.*', labels: { team: 'pay*' } }, exportTo: ['*'] },
        { match: {}, namespace: '{metadata.namespace}', location: 'internal', labels: [] },
      ],
      emptyServices: { keepMs: 0 },
      ackTimeoutMs: 5000,
      maxClients: 3,
      keepaliveMs: 10_000,
      plaintext: false,
      tls: { cert: '/tls.crt', key: '/tls.key', clientCa: '/ca.crt', clientSans: ['*.mesh'] },
      limits: { connections: 9, streamsPerConnection: 8, requestBytes: 65_536, resets: 7, resetWindowMs: 6000 },
    };
    assert.deepEqual(mcpSchema.parse(said), { ...said, listen: { host: '::1', port: 15_011 } });
  });

  const refused: [object, string][] = [
    [{ listen: '15010' }, 'listen'],
    [{ shards: 65 }, 'shards'],
    [{ shards: 0 }, 'shards'],
    [{ shardBy: 'name' }, 'shardBy'],
    [{ alsoShards: [8] }, 'alsoShards'],
    [{ shards: 2, shardBy: 'port', listen: '127.0.0.1:0' }, 'listen'],
    [{ shards: 64, shardBy: 'port', listen: '127.0.0.1:60000' }, 'listen'],
    [{ namespace: '{team}' }, 'namespace'],
    [{ namespace: '{source' }, 'namespace'],
    [{ labels: [''] }, 'labels.0'],
    [{ addLabels: { 'a b': 'x' } }, 'addLabels.a b'],
    [{ addLabels: { a: 'no value' } }, 'addLabels.a'],
    [{ subjectAltNames: ['two words'] }, 'subjectAltNames.0'],
    [{ exportTo: ['{application}'] }, 'exportTo.0'],
    [{ rules: [{ namespace: 'x' }] }, 'rules.0.match'],
    [{ rules: [{ match: { hosts: '*' } }] }, 'rules.0.match'],
    [{ rules: [{ match: {}, namespace: 'A' }] }, 'rules.0.namespace'],
    [{ emptyServices: { keepMs: -1 } }, 'emptyServices.keepMs'],
    [{ namespace: 'a.b' }, 'namespace'],
    [{ namespace: 'A' }, 'namespace'],
    [{ location: 'inside' }, 'location'],
    [{ labels: ['a b'] }, 'labels.0'],
    [{ exportTo: ['*', 'shop'] }, 'exportTo'],
    [{ ackTimeoutMs: 0 }, 'ackTimeoutMs'],
    [{ maxClients: 0 }, 'maxClients'],
    [{ nameSpace: 'x' }, ''],
  ];
  for (const [input, path] of refused) {
    it(`refuses ${JSON.stringify(input)}`, () => {
      const { success, error } = mcpSchema.safeParse(input);
      assert.equal(success, false);
      assert.equal(error?.issues[0]?.path.join('.'), path);
    });
  }
});
