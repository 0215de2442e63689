import assert from 'node:assert/strict';
import { FakeTree } from './fake-tree.js';
import { Following } from './follow.js';
import { instanceJson, metadataJson, providerName } from './support.js';

const greet = 'lab.api.Greet';
const name = `${greet}::`;

describe('Follower', () => {
  let following: Following | undefined;
  afterEach(() => {
    following?.end();
    following = undefined;
  });

  it('publishes what there is, follows it, and notices what goes', async () => {
    const tree = new FakeTree();
    tree.make(`/dubbo/${greet}/providers/${providerName(greet, '10.0.0.1:1')}`);
    tree.make('/dubbo/metadata/shop/r1', metadataJson('shop', 'r1', [greet]));
    tree.make('/services/shop/10.0.0.2:1', instanceJson('shop', '10.0.0.2:1', 'r1'));
    following = new Following(tree);
    const { recorder } = following;
    await following.connect().start();
    const ids = () => recorder.services.get(name)?.instances.map(({ id }) => id);
    assert.ok(recorder.synced);
    assert.deepEqual(ids(), ['dubbo://10.0.0.1:1', 'dubbo://10.0.0.2:1']);
    tree.make(`/dubbo/${greet}/providers/${providerName(greet, '10.0.0.3:1')}`);
    await following.settle();
    assert.deepEqual(ids(), ['dubbo://10.0.0.1:1', 'dubbo://10.0.0.2:1', 'dubbo://10.0.0.3:1']);
    tree.delete(`/dubbo/${greet}`);
    tree.delete('/services/shop');
    await following.settle();
    assert.deepEqual(recorder.services, new Map());
    assert.deepEqual(recorder.problems, []);
  });

  for (const order of [
    ['providers', 'configurators', 'routers', 'consumers'],
    ['providers', 'configurators', 'consumers', 'routers'],
    ['consumers', 'routers', 'providers', 'configurators'],
  ]) {
    it(`sees an interface go by a watch for each node, deleted ${order.join(', ')} first`, async () => {
      const tree = new FakeTree();
      const at = `/dubbo/${greet}`;
      for (const category of order) tree.make(`${at}/${category}`);
      tree.make(`${at}/providers/${providerName(greet, '10.0.0.1:1')}`);
      following = new Following(tree, { discovery: 'interface' }, 'classic');
      const { clock, recorder, state } = following;
      await following.connect().start();
      await clock.advance(2000);
      for (const category of order) {
        tree.delete(`${at}/${category}`);
        await following.settle();
      }
      assert.equal(recorder.services.get(name)?.instances.length, 0);
      tree.delete(at);
      await following.settle();
      assert.deepEqual(recorder.services, new Map());
      assert.deepEqual([...(state.roots[0]?.nodes ?? [])], []);
      tree.make(`${at}/providers/${providerName(greet, '10.0.0.2:1')}`);
      await following.settle();
      assert.equal(recorder.services.get(name)?.instances.length, 1);
    });
  }

  it('tells no consumers and keeps no routers of an interface that goes while they are read', async () => {
    const tree = new FakeTree();
    const at = `/dubbo/${greet}`;
    const router = encodeURIComponent(
      `condition://0.0.0.0/${greet}?category=routers&rule=${encodeURIComponent('=> host = 1')}`,
    );
    tree.make(`${at}/providers/${providerName(greet, '10.0.0.1:1')}`);
    tree.make(`${at}/routers/${router}`);
    tree.make(`${at}/consumers/${providerName(greet, '10.0.0.9', '', 'consumer')}`);
    following = new Following(tree, { discovery: 'interface' });
    const { clock, recorder, state } = following;
    const follower = following.connect();
    await follower.start();
    const release = tree.hold(`${at}/consumers`);
    await clock.advance(2000);
    tree.delete(at);
    await following.settle();
    assert.deepEqual(recorder.services, new Map());
    release();
    await following.settle();
    assert.deepEqual(recorder.declaredConsumers, new Map());
    assert.equal(state.roots[0]?.rules.setUrls(greet, 'routers', []), false, 'its routers are there');
    assert.deepEqual(
      [...follower.nodes.stamps.keys()].filter((path) => path.startsWith(at)),
      [],
    );
  });

  describe('whose first listing lacks an application', () => {
    /** An application with instances of these revisions, whose metadata lack, over a connection that is lost by now. */
    async function whileMetadataLack(...revisions: readonly string[]) {
      const tree = new FakeTree();
      tree.make('/dubbo');
      for (const [index, revision] of revisions.entries()) {
        tree.make(`/services/shop/10.0.0.${index}:1`, instanceJson('shop', `10.0.0.${index}:1`, revision));
      }
      following = new Following(tree);
      const starting = following.connect().start();
      await following.clock.advance(15_000);
      await starting;
      assert.equal(following.recorder.synced, false);
      following.lose();
      return { tree, following, recorder: following.recorder };
    }

    it('tells no more that its metadata cannot be had', async () => {
      const { tree, following, recorder } = await whileMetadataLack('r1');
      tree.delete('/services/shop');
      const follower = following.connect();
      follower.metadataFailed('shop', new Error('an attempt of before'));
      await follower.start();
      assert.ok(recorder.synced);
      assert.deepEqual(recorder.degradedScopes, new Map());
    });

    it('waits no more for its metadata', async () => {
      const { tree, following, recorder } = await whileMetadataLack('r1', 'r2');
      tree.delete('/services/shop');
      const follower = following.connect();
      // Those of one revision come, while the other lacks.
      follower.metadataArrived('shop');
      await follower.start();
      assert.ok(recorder.synced);
    });

    it('neither when the list could not be read at first', async () => {
      const { tree, following, recorder } = await whileMetadataLack('r1', 'r2');
      tree.delete('/services/shop');
      tree.refuse('/services', new Error('not now'));
      const follower = following.connect();
      follower.metadataFailed('shop', new Error('an attempt of before'));
      follower.metadataArrived('shop');
      await follower.start();
      assert.equal(recorder.synced, false);
      tree.refuse('/services', undefined);
      await following.clock.advance(1000);
      assert.ok(recorder.synced);
      assert.deepEqual(recorder.degradedScopes, new Map());
    });
  });
});
