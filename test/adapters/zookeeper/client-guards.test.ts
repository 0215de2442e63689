import assert from 'node:assert/strict';
import zookeeper from 'node-zookeeper-client';
import { guardManager } from '../../../adapters/zookeeper/client-guards.js';

describe('guardManager', () => {
  const guarded = (host: string) => {
    const { connectionManager } = zookeeper.createClient('guarded');
    const hooks = { onBytes() {}, onReply() {}, onEvent() {}, onUndecodable() {} };
    guardManager(connectionManager, { host, port: 2181 }, { maxFrameBytes: 1000, ...hooks });
    return connectionManager;
  };

  it('wraps the xid before it turns negative', () => {
    const manager = guarded('127.0.0.1');
    assert.equal(manager.xid, 1);
    manager.xid = 0x7fffffff;
    assert.equal(manager.xid, 0x7fffffff);
    manager.xid += 1;
    assert.equal(manager.xid, 1);
  });

  it('dials IPv6 as it stands', () => {
    let dialled: unknown;
    guarded('2001:db8::1').findNextServer((server) => {
      dialled = server;
    });
    assert.deepEqual(dialled, { host: '2001:db8::1', port: 2181 });
  });

  it('leaves other clients of the library alone', () => {
    const { connectionManager: other } = zookeeper.createClient('127.0.0.1:2181');
    const before = Object.getPrototypeOf(other);
    const methods = Object.entries(before);
    guarded('127.0.0.1');
    assert.deepEqual(Object.entries(before), methods);
  });
});
