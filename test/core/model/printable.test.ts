import assert from 'node:assert/strict';
import fc from 'fast-check';
import { printable } from '../../../core/model/printable.js';

describe('printable', () => {
  it('leaves ordinary text alone', () => {
    assert.equal(printable('com.foo.Api:1.0.0 订单'), 'com.foo.Api:1.0.0 订单');
  });

  it('shows what would hide, forge a line or turn a terminal', () => {
    assert.equal(printable('a\r\nb\u001b[31m'), 'a\\r\\nb\\u001b[31m');
    assert.equal(printable('a\u202eb\u200bc\u0085'), 'a\\u202eb\\u200bc\\u0085');
    assert.equal(printable('a\u00adb\u{e0041}'), 'a\\u00adb\\ue0041');
  });

  it('is one line within its bound, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        const shown = printable(text);
        assert.ok(shown.length <= 200);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
  });
});
