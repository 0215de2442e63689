import assert from 'node:assert/strict';
import { FakeTree } from './fake-tree.js';
import { Following } from './follow.js';
import { instanceJson, metadataJson, type RawConfig } from './support.js';

const greet = 'lab.api.Greet';
const other = 'lab.api.Other';
const dubbo: RawConfig['dubbo'] = { discovery: 'application', interfaces: { include: [greet] } };

describe('MappingReader', () => {
  let tree: FakeTree;
  let following: Following;

  function application(name: string, interfaceName: string, address: string): void {
    tree.make(`/dubbo/metadata/${name}/r1`, metadataJson(name, 'r1', [interfaceName]));
    tree.make(`/services/${name}/${address}`, instanceJson(name, address, 'r1'));
  }

  beforeEach(() => {
    tree = new FakeTree();
    tree.make(`/dubbo/mapping/${greet}`, 'shop');
    tree.make(`/dubbo/mapping/${other}`, 'books,late,later');
    application('shop', greet, '10.0.0.1:1');
    application('books', other, '10.0.0.2:1');
    following = new Following(tree, dubbo);
  });
  afterEach(() => following.end());

  const notice = () => following.recorder.notices.get('unreadable-mapping');
  const followed = () => [...following.state.applications].sort();

  it('tells which applications need not be followed, as long as the mapping is whole', async () => {
    await following.connect().start();
    assert.equal(notice(), undefined);
    assert.deepEqual(followed(), ['shop']);
    await following.clock.advance(2000);
    tree.make(`/dubbo/mapping/${greet}.Second`, 'nobody');
    application('late', other, '10.0.0.3:1');
    await following.settle();
    assert.deepEqual(followed(), ['shop']);
  });

  for (const [what, path] of [
    ['the list', '/dubbo/mapping'],
    ['a mapping', `/dubbo/mapping/${greet}`],
  ] as const) {
    it(`reads ${what} again that could not be read at first, and goes by it from then on`, async () => {
      tree.refuse(path, new Error('not now'));
      await following.connect().start();
      assert.match(notice() ?? '', /not now; all applications are followed/);
      assert.deepEqual(followed(), ['books', 'shop']);
      await following.clock.advance(2000);
      application('late', other, '10.0.0.3:1');
      await following.settle();
      assert.deepEqual(followed(), ['books', 'late', 'shop'], 'one was passed over by half a mapping');
      tree.refuse(path, undefined);
      await following.clock.advance(10_000);
      assert.equal(notice(), undefined);
      application('later', other, '10.0.0.4:1');
      await following.settle();
      assert.deepEqual(followed(), ['books', 'late', 'shop']);
      assert.ok(following.recorder.services.has(`${greet}::`));
    });
  }

  it('passes over nobody by a list that is read while a mapping of it is not', async () => {
    tree.refuse('/dubbo/mapping', new Error('not now'));
    tree.refuse(`/dubbo/mapping/${greet}`, new Error('nor this'));
    await following.connect().start();
    tree.refuse('/dubbo/mapping', undefined);
    await following.clock.advance(10_000);
    assert.match(notice() ?? '', /nor this/);
    application('late', other, '10.0.0.3:1');
    await following.settle();
    assert.deepEqual(followed(), ['books', 'late', 'shop']);
    tree.refuse(`/dubbo/mapping/${greet}`, undefined);
    await following.clock.advance(60_000);
    assert.equal(notice(), undefined);
  });

  it('passes over nobody by a part of a list', async () => {
    tree.make(`/dubbo/mapping/${other}`, 'books,both');
    tree.make(`/dubbo/mapping/${greet}`, 'shop,both');
    tree.refuse('/dubbo/mapping', new Error('not now'));
    const release = tree.hold(`/dubbo/mapping/${greet}`);
    await following.connect().start();
    tree.refuse('/dubbo/mapping', undefined);
    await following.clock.advance(10_000);
    application('both', greet, '10.0.0.3:1');
    await following.settle();
    assert.deepEqual(followed(), ['books', 'both', 'shop']);
    release();
    await following.settle();
    assert.equal(notice(), undefined);
  });

  it('passes over nobody while a list cannot be read that could be before', async () => {
    following.end();
    following = new Following(tree, dubbo, 'classic');
    await following.connect().start();
    await following.clock.advance(2000);
    assert.deepEqual(followed(), ['shop']);
    tree.refuse('/dubbo/mapping', new Error('no more'));
    tree.make('/dubbo/mapping/lab.api.Third', 'third');
    await following.settle();
    assert.match(notice() ?? '', /no more/);
    assert.deepEqual(followed(), ['books', 'shop']);
    tree.make(`/dubbo/mapping/${other}`, 'books,late');
    await following.settle();
    assert.match(notice() ?? '', /no more/);
    application('late', other, '10.0.0.3:1');
    await following.settle();
    assert.deepEqual(followed(), ['books', 'late', 'shop']);
    tree.refuse('/dubbo/mapping', undefined);
    await following.clock.advance(10_000);
    assert.equal(notice(), undefined);
    application('third', 'lab.api.Third', '10.0.0.5:1');
    await following.settle();
    assert.deepEqual(followed(), ['books', 'late', 'shop']);
  });

  it('lets nobody wait for a mapping that is not wanted and cannot be read', async () => {
    tree.refuse(`/dubbo/mapping/${other}`, new Error('never'));
    await following.connect().start();
    assert.equal(notice(), undefined);
    assert.deepEqual(followed(), ['books', 'shop'], 'what stands in no mapping that was read was passed over');
    tree.make('/dubbo/mapping/lab.api.Third', 'third');
    await following.clock.advance(10_000);
    application('third', 'lab.api.Third', '10.0.0.5:1');
    await following.settle();
    assert.deepEqual(followed(), ['books', 'shop']);
  });

  it('goes by nothing of an earlier connection', async () => {
    await following.connect().start();
    following.lose();
    tree.delete(`/dubbo/mapping/${other}`);
    tree.make(`/dubbo/mapping/${greet}.Gone`);
    tree.refuse('/dubbo/mapping', new Error('not now'));
    await following.connect().start();
    assert.deepEqual(followed(), ['books', 'shop']);
    tree.refuse('/dubbo/mapping', undefined);
    await following.clock.advance(10_000);
    assert.equal(notice(), undefined);
    application('late', other, '10.0.0.3:1');
    await following.settle();
    assert.deepEqual(followed(), ['books', 'late', 'shop'], 'a mapping that is gone counts still');
  });
});
