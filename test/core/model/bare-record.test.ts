import assert from 'node:assert/strict';
import { bareRecord } from '../../../core/model/index.js';

/** As a registry may call a key, too. */
const proto = '__proto__';

describe('bareRecord', () => {
  it('has no key but those it is given, whatever they are called', () => {
    const record = bareRecord();
    assert.equal(record['constructor'], undefined);
    assert.equal('toString' in record, false);
    record[proto] = 'a';
    record['constructor'] = 'b';
    assert.deepEqual(Object.entries(record), [
      [proto, 'a'],
      ['constructor', 'b'],
    ]);
    assert.equal(JSON.stringify(record), '{"__proto__":"a","constructor":"b"}');
  });

  it('shares nothing with another one', () => {
    const [one, other] = [bareRecord(), bareRecord()];
    one[proto] = 'a';
    assert.deepEqual(Object.keys(other), []);
    assert.throws(() => {
      Object.getPrototypeOf(other)['leak'] = 'a';
    }, TypeError);
  });
});
