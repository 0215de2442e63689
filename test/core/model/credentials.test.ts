import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hasCredential, isCredentialKey, shownRecord } from '../../../core/model/index.js';

describe('credentials in what a registry holds', () => {
  it('are known by their key', () => {
    for (const key of [
      'user.password',
      'db_passwd',
      'clientSecret',
      'token',
      'api-key',
      'ACCESS_KEY_ID',
      'private.key',
    ])
      assert.ok(isCredentialKey(key), key);
    for (const key of ['version', 'zone', 'user.name', 'apikind', 'keys']) assert.ok(!isCredentialKey(key), key);
  });

  it('are known within a value: a URL with a password or a token, JSON that names a password', () => {
    for (const value of [
      'http://me:pw@h/',
      'jdbc:mysql://me:p@ss@h/db',
      'http://h/health?a=1&access_token=x',
      'https://h/#id_token=x',
      '{"user":"me","password":"pw"}',
      'x http://h/ y http://me:pw@h/',
    ])
      assert.ok(hasCredential(value), value);
    for (const value of ['http://h:80/?page=2', 'http://me@h/', 'a@b:c', 'token', 'http://h/token', '{"a":1}', ''])
      assert.ok(!hasCredential(value), value);
  });

  it('do not hold up who reads long values', () => {
    for (const piece of ['://:', '://?', '?token', '&a=', '://@:', 'password', 'password "'])
      hasCredential(piece.repeat(1_000_000 / piece.length));
  });

  it('stand in no record that is shown, however it is nested', () => {
    const record = { id: 1, Meta: { a: ['http://me:hush@h/'], db_password: 'hush', token: { b: 'hush' }, secret: '' } };
    const text = shownRecord({ ...record, Output: 'hush' }, (key) => key === 'Output');
    assert.doesNotMatch(text, /hush/);
    assert.match(text, /"secret":""/);
    assert.match(text, /"db_password":"\[secret\]"/);
  });

  it('leave records of one line within their bound, whatever they are made of', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = shownRecord(value);
        assert.ok(text.length <= 4096);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
      }),
    );
    let deep: unknown = 'end';
    for (let depth = 0; depth < 10_000; depth++) deep = { deep };
    assert.match(shownRecord(deep), /…/);
    assert.equal(shownRecord('x'.repeat(1_000_000)).length, 4096);
  });
});
