import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { nacosSchema } from '../../../adapters/nacos/config.js';
import { literalNames, selects, toSelection } from '../../../adapters/nacos/selection.js';

describe('adapters/nacos selection', () => {
  const parse = (value: unknown) =>
    toSelection(nacosSchema.parse({ servers: ['http://nacos:8848'], namespaces: value }).namespaces);

  it('takes all when nothing is said', () => {
    const all = parse(undefined);
    assert.ok(selects(all, 'anything'));
    assert.equal(literalNames(all), undefined);
  });

  it('takes a list of names as it is, and needs no look at what there is', () => {
    const named = parse(['public', 'gray', 'gray']);
    assert.deepEqual(literalNames(named), ['public', 'gray']);
    assert.ok(selects(named, 'gray') && !selects(named, 'grey'));
  });

  it('includes and excludes by patterns, on any of the names', () => {
    const shop = parse({ include: ['shop-*', 'public'], exclude: ['*-test'] });
    assert.equal(literalNames(shop), undefined);
    assert.ok(selects(shop, 'shop-a') && selects(shop, '8f14e45f', 'shop-b'));
    assert.ok(!selects(shop, 'shop-a-test') && !selects(shop, '8f14e45f', 'shop-test') && !selects(shop, 'bank'));
    assert.ok(!selects(parse({ exclude: ['test'] }), 'test') && selects(parse({ exclude: ['test'] }), 'best'));
  });

  it('leaves out what is excluded of a list of names', () => {
    assert.deepEqual(literalNames(parse({ include: ['a', 'b'], exclude: ['b*'] })), ['a']);
  });

  it('refuses what is no list of names', () => {
    for (const value of [[], [''], { include: [] }, { only: ['a'] }, 'public', ['x'.repeat(129)]]) {
      assert.throws(() => parse(value), JSON.stringify(value));
    }
  });
});
