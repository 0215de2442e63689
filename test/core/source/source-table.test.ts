import assert from 'node:assert/strict';
import { SourceTable } from '../../../core/source/source-table.js';
import { anInstance, aService } from '../../support/model.js';

function aTable() {
  let calls = 0;
  const table = new SourceTable(() => calls++);
  return { table, calls: () => calls };
}

describe('SourceTable', () => {
  it('names what is new, different and gone, each once', () => {
    const { table, calls } = aTable();
    table.replaceAll([aService('a', [anInstance('1')]), aService('b')]);
    assert.deepEqual([...table.takeChanged()], ['a', 'b']);
    table.replaceAll([aService('a', [anInstance('1', { weight: 5 })]), aService('c')]);
    table.upsert(aService('c', [anInstance('2')]));
    assert.deepEqual([...table.takeChanged()].sort(), ['a', 'b', 'c']);
    assert.equal(table.services.has('b'), false);
    assert.equal(calls(), 2);
  });

  it('is silent about what is the same', () => {
    const { table, calls } = aTable();
    table.upsert(aService('a', [anInstance('1', { metadata: { k: 'v' } })]));
    table.takeChanged();
    table.upsert(aService('a', [anInstance('1', { metadata: { k: 'v' } })]));
    table.replaceAll([aService('a', [anInstance('1', { metadata: { k: 'v' } })])]);
    assert.deepEqual([...table.takeChanged()], []);
    assert.equal(calls(), 1);
  });

  it('holds no second copy of what is the same, but the newest rejections', () => {
    const { table } = aTable();
    table.upsert(aService('a', [anInstance('1')]));
    const first = table.services.get('a');
    table.replaceAll([aService('a', [anInstance('1')])]);
    assert.equal(table.services.get('a'), first);
    table.upsert({ ...aService('a', [anInstance('1')]), rejected: [{ record: 'x', reason: 'no port' }] });
    assert.equal(table.services.get('a')?.instances, first?.instances);
    assert.equal(table.services.get('a')?.rejected?.length, 1);
    assert.equal(table.rejectedCount, 1);
    table.upsert(aService('a', [anInstance('1')]));
    assert.equal(table.services.get('a')?.rejected?.length ?? 0, 0);
    assert.equal(table.rejectedCount, 0);
  });

  it('keeps instances in order, so that a registry that shuffles changes nothing', () => {
    const { table } = aTable();
    table.upsert(aService('a', [anInstance('2'), anInstance('1')]));
    assert.deepEqual(
      table.services.get('a')?.instances.map(({ id }) => id),
      ['1', '2'],
    );
    table.takeChanged();
    table.upsert(aService('a', [anInstance('1'), anInstance('2')]));
    assert.equal(table.takeChanged().size, 0);
  });

  it('leaves out an instance whose id is taken, and counts it', () => {
    const { table } = aTable();
    table.upsert(aService('a', [anInstance('1'), anInstance('1', { address: '10.9.9.9' }), anInstance('0')]));
    assert.equal(table.instanceCount, 2);
    assert.equal(table.rejectedCount, 1);
    table.upsert(aService('a', [anInstance('1')]));
    assert.equal(table.rejectedCount, 0);
    table.remove('a');
    assert.equal(table.instanceCount, 0);
  });
});
