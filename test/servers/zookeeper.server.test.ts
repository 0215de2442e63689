import assert from 'node:assert/strict';
import { poll } from '../support/poll.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { ZookeeperWriter } from '../support/zookeeper-writer.js';
import { assertGone } from './assert-gone.js';
import { fourLetterWord, startZookeeper, startZookeeperEnsemble, type ZookeeperServer } from './zookeeper.js';

describe('a real ZooKeeper', function () {
  this.timeout(120_000);
  let server: ZookeeperServer;

  before(async () => {
    server = await startZookeeper({ superPassword: 'secret' });
  });
  after(() => server?.stop());

  it('keeps its data over a restart on the same port, and loses it when told to', async () => {
    const { port } = server;
    const session = await ZookeeperWriter.connect(server.address);
    await session.create('/kept', 'value');
    await session.close();
    await server.restart();
    assert.equal(server.port, port);
    const again = await ZookeeperWriter.connect(server.address);
    assert.equal(await again.read('/kept'), 'value');
    await again.close();
    await server.restart({ keepData: false });
    const empty = await ZookeeperWriter.connect(server.address);
    assert.equal(await empty.read('/kept'), undefined);
    await empty.close();
  });

  it('lets the super user past an ACL', async () => {
    const owner = await ZookeeperWriter.connect(server.address, 'owner:one');
    await owner.create('/closed', 'value', { private: true });
    await owner.close();
    const stranger = await ZookeeperWriter.connect(server.address);
    await assert.rejects(stranger.read('/closed'), /NO_AUTH/);
    await stranger.close();
    const root = await ZookeeperWriter.connect(server.address, 'super:secret');
    assert.equal(await root.read('/closed'), 'value');
    await root.close();
  });

  it('is written to again by a writer whose connection was taken by nobody', async () => {
    const proxy = await TcpProxy.start(server);
    const writer = await ZookeeperWriter.connect(proxy.address);
    const before = proxy.accepted;
    proxy.blackHole();
    proxy.drop();
    await poll(() => proxy.accepted > before);
    proxy.pass();
    await writer.create('/again', 'value');
    assert.equal(await writer.read('/again'), 'value');
    await writer.close();
    await proxy.close();
  });

  it('does not answer while it is paused', async () => {
    await server.pause();
    await assert.rejects(fourLetterWord(server.port, 'ruok', AbortSignal.timeout(500)));
    server.resume();
    assert.equal(await fourLetterWord(server.port, 'ruok'), 'imok');
  });

  it('is stopped, paused or not, with no process left', async () => {
    const { pid } = server;
    await server.pause();
    await server.stop();
    assertGone(pid);
    await server.start();
    const second = server.pid;
    await server.kill();
    assertGone(second);
  });

  it('runs as an ensemble that survives the loss of a member', async () => {
    const members = await startZookeeperEnsemble();
    try {
      const modes = await Promise.all(members.map(({ port }) => fourLetterWord(port, 'srvr')));
      assert.equal(modes.filter((text) => text.includes('Mode: leader')).length, 1);
      assert.equal(modes.filter((text) => text.includes('Mode: follower')).length, 2);
      await members[modes.findIndex((text) => text.includes('Mode: leader'))]?.kill();
      const left = members.filter(({ pid }) => pid !== undefined);
      await poll(async () => {
        const texts = await Promise.all(left.map(({ port }) => fourLetterWord(port, 'srvr')));
        return texts.some((text) => text.includes('Mode: leader'));
      });
    } finally {
      await Promise.all(members.map((member) => member.stop()));
    }
  });
});
