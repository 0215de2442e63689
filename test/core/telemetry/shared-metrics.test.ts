import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { sharedReading } from '../../../core/plugin/index.js';

describe('a gauge that is read', () => {
  let registry: Registry;
  const lines = async () =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const add = (part: string, counts: Readonly<Record<string, number>>) =>
    sharedReading(registry, 'isthmus_things', 'Things.', ['sink', 'type'], part, (set) => {
      for (const [type, count] of Object.entries(counts)) set({ sink: part, type }, count);
    });

  beforeEach(() => {
    registry = new Registry();
  });

  it('has what each part tells when it is read, and nothing of what is gone', async () => {
    const counts: Record<string, number> = { a: 1, b: 2 };
    add('first', counts);
    add('second', { a: 3 });
    assert.deepEqual(await lines(), [
      'isthmus_things{sink="first",type="a"} 1',
      'isthmus_things{sink="first",type="b"} 2',
      'isthmus_things{sink="second",type="a"} 3',
    ]);
    delete counts['a'];
    counts['b'] = 5;
    assert.deepEqual(await lines(), [
      'isthmus_things{sink="first",type="b"} 5',
      'isthmus_things{sink="second",type="a"} 3',
    ]);
  });

  it('takes what a part tells last for what it told before', async () => {
    add('first', { a: 1 });
    add('first', { b: 2 });
    assert.deepEqual(await lines(), ['isthmus_things{sink="first",type="b"} 2']);
  });
});
