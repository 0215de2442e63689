import assert from 'node:assert/strict';
import { zookeeperSchema } from '../../../adapters/zookeeper/config.js';
import { RegistryState } from '../../../adapters/zookeeper/registry-state.js';
import { Surroundings } from '../../../adapters/zookeeper/surroundings.js';
import { Recorder } from '../../../testkit/index.js';
import { providerName } from './support.js';

const greet = 'lab.api.Greet';
const consumer = (host: string) => providerName(greet, host, '', 'consumer');

describe('Surroundings', () => {
  async function make() {
    const { signal } = new AbortController();
    const state = new RegistryState(['/dubbo'], zookeeperSchema.parse({ servers: ['127.0.0.1:1'] }).dubbo);
    const [tree] = state.roots;
    assert.ok(tree);
    await tree.take(greet, [providerName(greet, '10.0.0.1:1')], signal);
    tree.compute(greet);
    const recorder = new Recorder();
    return { tree, recorder, surroundings: new Surroundings(recorder, state, signal) };
  }

  it('tells who consumes an interface, and that nobody does when it is gone', async () => {
    const { tree, recorder, surroundings } = await make();
    await surroundings.consumers(0, greet, [consumer('10.0.0.8'), consumer('10.0.0.9')]);
    assert.equal(recorder.declaredConsumers.get(`${greet}::`)?.length, 2);
    tree.nodeGone(greet);
    await surroundings.consumers(0, greet, []);
    assert.deepEqual(recorder.declaredConsumers, new Map());
    assert.deepEqual(tree.consumed, new Map());
  });

  it('tells no consumers of an interface that goes while they are decoded', async () => {
    const { tree, recorder, surroundings } = await make();
    const telling = surroundings.consumers(0, greet, [consumer('10.0.0.8')]);
    tree.nodeGone(greet);
    await surroundings.consumers(0, greet, []);
    await telling;
    assert.deepEqual(recorder.declaredConsumers, new Map());
    assert.deepEqual(tree.consumed, new Map());
  });
});
