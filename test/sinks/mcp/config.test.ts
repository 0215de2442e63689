import assert from 'node:assert/strict';
import { mcpSchema } from '../../../sinks/mcp/config.js';

describe('the configuration of the MCP sink', () => {
  it('needs nothing', () => {
    assert.deepEqual(mcpSchema.parse({}), {
      listen: { host: '127.0.0.1', port: 15_010 },
      shards: 1,
      namespace: 'legacy',
      location: 'internal',
      labels: ['app', 'dubbo.tag', 'tag', 'version'],
      exportTo: [],
      ackTimeoutMs: 60_000,
      maxClients: 100,
      keepaliveMs: 30_000,
    });
  });

  it('takes what an operator may say', () => {
    const said = {
      listen: '[::1]:15011',
      shards: 1,
      namespace: 'registry',
      location: 'external',
      labels: ['app.kubernetes.io/name'],
      exportTo: ['.', 'shop'],
      ackTimeoutMs: 5000,
      maxClients: 3,
      keepaliveMs: 10_000,
    };
    assert.deepEqual(mcpSchema.parse(said), { ...said, listen: { host: '::1', port: 15_011 } });
  });

  const refused: [object, string][] = [
    [{ listen: '15010' }, 'listen'],
    [{ shards: 2 }, 'shards'],
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
