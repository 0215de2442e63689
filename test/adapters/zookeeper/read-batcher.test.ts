import assert from 'node:assert/strict';
import type { FoundStat } from '../../../adapters/zookeeper/multi-read.js';
import { BatchSupport, ReadBatcher } from '../../../adapters/zookeeper/read-batcher.js';
import { ZookeeperError } from '../../../adapters/zookeeper/zookeeper-error.js';

const stat = (childCount: number) => ({ czxid: 1n, mzxid: 1n, pzxid: 1n, ephemeralOwner: 0n, childCount });

describe('ReadBatcher', () => {
  /** Answers with as many children as the path is long; nothing for `/none`. */
  class Connection {
    readonly asked: number[] = [];
    error: Error | undefined;

    async stats(paths: readonly string[]): Promise<FoundStat[]> {
      this.asked.push(paths.length);
      if (this.error) throw this.error;
      return paths.map((path) => (path === '/none' ? undefined : stat(path.length)));
    }
  }

  const over = (connection: Connection, support: BatchSupport) =>
    new ReadBatcher({ support: support.connection(), maxBatch: 64, read: (paths) => connection.stats(paths) });

  it('asks for what is asked for in one turn together, in requests of 64', async () => {
    const connection = new Connection();
    const batcher = over(connection, new BatchSupport());
    const paths = Array.from({ length: 130 }, (_, index) => `/${'x'.repeat(index)}`);
    const found = await Promise.all([...paths, '/none'].map((path) => batcher.find(path)));
    assert.deepEqual(found, [...paths.map((path) => stat(path.length)), undefined]);
    assert.deepEqual(connection.asked, [64, 64, 3]);
    await batcher.find('/later');
    assert.deepEqual(connection.asked, [64, 64, 3, 1]);
  });

  it('has each asked for by itself when the request fails, and goes on with the next', async () => {
    const connection = new Connection();
    const batcher = over(connection, new BatchSupport());
    assert.deepEqual(await batcher.find('/a'), stat(2));
    connection.error = new ZookeeperError('TOO_LARGE', 'too large');
    for (let round = 0; round < 5; round++) assert.equal(await batcher.find('/a'), 'refused');
    connection.error = undefined;
    assert.deepEqual(await batcher.find('/a'), stat(2));
  });

  it('asks a server no more that does not know the request', async () => {
    const support = new BatchSupport();
    const connection = new Connection();
    connection.error = new ZookeeperError('UNIMPLEMENTED', 'what?');
    assert.equal(await over(connection, support).find('/a'), 'refused');
    assert.equal(await over(connection, support).find('/a'), 'refused');
    assert.deepEqual(connection.asked, [1]);
  });

  it('takes one connection that ends over many requests for one', async () => {
    const support = new BatchSupport();
    const lost = new Connection();
    lost.error = new ZookeeperError('CONNECTION_LOSS', 'gone');
    const batcher = over(lost, support);
    await Promise.all(Array.from({ length: 300 }, (_, index) => batcher.find(`/${index}`)));
    await batcher.find('/later');
    assert.deepEqual(lost.asked, [64, 64, 64, 64, 44, 1]);
    const next = new Connection();
    assert.deepEqual(await over(next, support).find('/a'), stat(2));
    assert.deepEqual(next.asked, [1]);
  });

  it('asks no more that a server says it does not know, whatever failed before', async () => {
    const support = new BatchSupport();
    const connection = new Connection();
    const batcher = over(connection, support);
    connection.error = new ZookeeperError('TOO_LARGE', 'too large');
    await batcher.find('/a');
    connection.error = new ZookeeperError('UNIMPLEMENTED', 'what?');
    await batcher.find('/a');
    await batcher.find('/a');
    assert.deepEqual(connection.asked, [1, 1]);
  });

  it('takes what fails of several batchers over one connection for one failure', async () => {
    const support = new BatchSupport();
    const lost = new Connection();
    lost.error = new ZookeeperError('CONNECTION_LOSS', 'gone');
    const connection = support.connection();
    const options = { support: connection, maxBatch: 64, read: (paths: readonly string[]) => lost.stats(paths) };
    await Promise.all([new ReadBatcher(options).find('/a'), new ReadBatcher(options).find('/b')]);
    const next = new Connection();
    assert.deepEqual(await over(next, support).find('/a'), stat(2));
  });

  it('takes two connections that end over the first request for a server that does not know it', async () => {
    const support = new BatchSupport();
    const connections = [new Connection(), new Connection(), new Connection()];
    for (const connection of connections) {
      connection.error = new ZookeeperError('CONNECTION_LOSS', 'gone');
      assert.equal(await over(connection, support).find('/a'), 'refused');
    }
    assert.deepEqual(
      connections.map(({ asked }) => asked.length),
      [1, 1, 0],
    );
  });
});
