import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import zookeeper from 'node-zookeeper-client';
import { guardManager } from '../../../adapters/zookeeper/client-guards.js';

describe('guardManager', () => {
  const guarded = (dial: () => Socket = () => new Socket()) => {
    const { connectionManager } = zookeeper.createClient('guarded');
    const hooks = { onBytes() {}, onReply() {}, onEvent() {}, onUndecodable() {}, onDialled() {}, onReadOnly() {} };
    guardManager(connectionManager, { ...hooks, dial, ready: 'connect', canBeReadOnly: true, maxFrameBytes: 1000 });
    return connectionManager;
  };

  it('wraps the xid before it turns negative', () => {
    const manager = guarded();
    assert.equal(manager.xid, 1);
    manager.xid = 0x7fffffff;
    assert.equal(manager.xid, 0x7fffffff);
    manager.xid += 1;
    assert.equal(manager.xid, 1);
  });

  it('dials once, whatever the library does after a loss, and writes the handshake with the flag for read-only servers', () => {
    const written: Buffer[] = [];
    let dials = 0;
    const socket = new Socket();
    socket.write = (bytes: Uint8Array | string) => written.push(Buffer.from(bytes)) > 0;
    const manager = guarded(() => {
      dials++;
      return socket;
    });
    manager.connect();
    socket.emit('connect');
    socket.emit('close');
    manager.connect();
    assert.equal(dials, 1);
    assert.equal(written.length, 1);
    // Length, version, zxid, timeout, session, password with its length, flag.
    const handshake = written[0] ?? Buffer.alloc(0);
    assert.equal(handshake.readInt32BE(0), handshake.length - 4);
    assert.equal(handshake.length, 4 + 4 + 8 + 4 + 8 + 20 + 1);
    assert.equal(handshake.at(-1), 1);
  });

  it('leaves other clients of the library alone', () => {
    const { connectionManager: other } = zookeeper.createClient('127.0.0.1:2181');
    const before = Object.getPrototypeOf(other);
    const methods = Object.entries(before);
    guarded();
    assert.deepEqual(Object.entries(before), methods);
  });
});
