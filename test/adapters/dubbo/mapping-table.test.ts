import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MappingTable } from '../../../adapters/dubbo/mapping-table.js';

const isWanted = (interfaceName: string) => interfaceName.startsWith('wanted');

describe('MappingTable', () => {
  let table: MappingTable;

  beforeEach(() => {
    table = new MappingTable(isWanted);
    table.isListed = true;
  });

  it('passes over who stands in other mappings alone', () => {
    table.set('0/other', 'other', ['both', 'only']);
    table.set('0/wanted', 'wanted', ['both', 'new']);
    assert.deepEqual(
      ['both', 'only', 'new', 'nowhere'].map((name) => table.passesOver(name)),
      [false, true, false, false],
    );
    table.set('0/wanted', 'wanted', ['only']);
    assert.deepEqual(
      ['both', 'only', 'new'].map((name) => table.passesOver(name)),
      [true, false, false],
    );
    table.delete('0/wanted');
    assert.equal(table.passesOver('only'), true);
    table.set('0/other', 'other', []);
    assert.equal(table.passesOver('only'), false);
  });

  it('tells one interface in two roots apart', () => {
    table.set('0/other', 'other', ['only']);
    table.set('1/other', 'other', ['only']);
    table.delete('0/other');
    assert.equal(table.passesOver('only'), true);
    table.delete('1/other');
    assert.equal(table.passesOver('only'), false);
  });

  it('passes nobody over before all is listed, nor while one that is wanted cannot be read', () => {
    table.isListed = false;
    table.set('0/other', 'other', ['only']);
    assert.equal(table.passesOver('only'), false);
    table.isListed = true;
    assert.equal(table.passesOver('only'), true);
    assert.equal(table.unreadable('0/another', 'another'), false);
    assert.equal(table.passesOver('only'), true);
    assert.equal(table.unreadable('0/wanted', 'wanted'), true);
    assert.equal(table.passesOver('only'), false);
    assert.deepEqual([...table.keys], ['0/other', '0/wanted']);
    table.set('0/wanted', 'wanted', ['new']);
    assert.equal(table.passesOver('only'), true);
    table.unreadable('0/wanted', 'wanted');
    table.delete('0/wanted');
    assert.equal(table.passesOver('only'), true);
  });

  it('concludes nothing when there are too many names to keep', () => {
    table.set('0/other', 'other', ['only']);
    const many = Array.from({ length: 10_000 }, (_, index) => `app${index}`);
    for (let index = 0; index < 100; index++) table.set(`0/wanted${index}`, `wanted${index}`, many);
    assert.equal(table.isWhole, false);
    assert.equal(table.passesOver('only'), false);
    table.delete('0/wanted3');
    table.set('0/wanted99', 'wanted99', many);
    assert.equal(table.passesOver('only'), true);
  });

  it('says the same however its mappings came', () => {
    const name = fc.constantFrom('a', 'b', 'c', '__proto__');
    const step = fc.record({
      key: fc.constantFrom('wanted1', 'wanted2', 'other1', 'other2'),
      names: fc.uniqueArray(name),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const stepped = new MappingTable(isWanted);
        stepped.isListed = true;
        const last = new Map<string, readonly string[]>();
        for (const { key, names } of steps) {
          stepped.set(key, key, names);
          last.set(key, names);
        }
        for (const one of ['a', 'b', 'c', '__proto__', 'd']) {
          const stands = [...last].filter(([, names]) => names.includes(one)).map(([key]) => isWanted(key));
          assert.equal(stepped.passesOver(one), stands.length > 0 && !stands.includes(true), one);
        }
      }),
    );
  });
});
