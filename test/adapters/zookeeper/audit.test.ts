import assert from 'node:assert/strict';
import { audit } from '../../../adapters/zookeeper/audit.js';
import type { Follower } from '../../../adapters/zookeeper/follower.js';
import { ZookeeperError } from '../../../adapters/zookeeper/zookeeper-error.js';
import { FakeTree } from './fake-tree.js';
import { Following } from './follow.js';
import { providerName } from './support.js';

const greet = 'lab.api.Greet';
const at = `/dubbo/${greet}`;

describe('audit', () => {
  let tree: FakeTree;
  let following: Following;
  let follower: Follower;

  beforeEach(async () => {
    tree = new FakeTree();
    tree.make(`${at}/providers/${providerName(greet, '10.0.0.1:1')}`);
    tree.make(`${at}/consumers/${providerName(greet, '10.0.0.9', '', 'consumer')}`);
    following = new Following(tree, { discovery: 'interface' });
    follower = following.connect();
    await follower.start();
    await following.clock.advance(2000);
  });
  afterEach(() => following.end());

  const differences = async () => {
    let counted = 0;
    const { places, state, signal } = following;
    const onDifference = () => counted++;
    const auditing = audit({ follower, places, state, signal, concurrency: 4, onDifference });
    await following.settle();
    const report = await auditing;
    assert.equal(report.differences, counted);
    return report.found.map(({ detail }) => detail);
  };

  it('counts what changed with no event to tell of it, once', async () => {
    assert.deepEqual(await differences(), []);
    tree.forgetWatches();
    tree.make(`${at}/consumers/${providerName(greet, '10.0.0.8', '', 'consumer')}`);
    assert.deepEqual(await differences(), ['the list of its consumers had changed unseen']);
    assert.deepEqual(await differences(), []);
    assert.equal(following.recorder.declaredConsumers.get(`${greet}::`)?.length, 2);
  });

  for (const [category, protocol] of [
    ['providers', 'dubbo'],
    ['consumers', 'consumer'],
  ] as const) {
    it(`counts no ${category} that cannot be read, while their change is known`, async () => {
      tree.refuse(`${at}/${category}`, new ZookeeperError('TOO_LARGE', 'too long'));
      tree.make(`${at}/${category}/${providerName(greet, '10.0.0.8:1', '', protocol)}`);
      await following.settle();
      assert.deepEqual(await differences(), []);
      await following.clock.advance(60_000);
      assert.deepEqual(await differences(), []);
      tree.refuse(`${at}/${category}`, undefined);
      await following.clock.advance(60_000);
      assert.deepEqual(await differences(), []);
      tree.forgetWatches();
      tree.make(`${at}/${category}/${providerName(greet, '10.0.0.7:1', '', protocol)}`);
      assert.deepEqual(await differences(), [`the list of its ${category} had changed unseen`]);
    });
  }
});
