import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hasCredentials, isSensitive, redacted, shownUrl } from '../../../adapters/dubbo/secrets.js';

describe('secrets in what a registry holds', () => {
  it('are known by the name of the parameter', () => {
    for (const key of [
      'password',
      'db.passwd',
      'my.pwd',
      'clientSecret',
      'token',
      'accessKeyId',
      'api-key',
      'privateKey',
      'user',
      'username',
      'x.user',
    ]) {
      assert.ok(isSensitive(key), key);
    }
    for (const key of ['application', 'methods', 'timeout', 'user.methods', 'usergroup'])
      assert.ok(!isSensitive(key), key);
  });

  it('are known within a value: a URL with a password, JSON or a query that names one', () => {
    for (const value of [
      'zookeeper://me:pw@zk:2181',
      'zookeeper%3A%2F%2Fme%3Apw%40zk',
      'http://me:p@ss@h/',
      '{"username":"me","password":"pw"}',
      '{\\"password\\":\\"pw\\"}',
      'a=b&token=x',
      'x http://h/ y http://me:pw@h/',
    ]) {
      assert.ok(hasCredentials(value), value);
    }
    for (const value of ['http://h:80/', 'a@b:c', 'me@h', 'http://me@h/', 'password', '{"a":1}']) {
      assert.ok(!hasCredentials(value), value);
    }
  });

  it('are taken out of URLs, YAML, JSON and queries, and the rest stays', () => {
    const cases: [string, string][] = [
      ['override://me:S3@CRET@h:1/i?password=S3CRET&a=b', 'override://[secret]@h:1/i?password=[secret]&a=b'],
      ['parameters:\n  weight: 5\n  password: S3CRET\n', 'parameters:\n  weight: 5\n  password: [secret]\n'],
      ['{"a":1,"token":"S3\\"CRET","b":2}', '{"a":1,"token":[secret],"b":2}'],
      ['{"password":"S3CRET\\\\","a":1}', '{"password":[secret],"a":1}'],
      ['{"password":"S3CRET', '{"password":[secret]'],
      ['{"password":S3CRET,"a":1}', '{"password":[secret],"a":1}'],
      ["{password: 'S3''CRET', a: b}", '{password: [secret], a: b}'],
      ['{password: S3CRET, a: b}\nc: d', '{password: [secret]\nc: d'],
      ['password: my S3CRET, too\na: b', 'password: [secret]\na: b'],
      ['{\\"password\\":\\"S3CRET\\"}', '{\\"password\\":[secret]}'],
    ];
    for (const [text, expected] of cases) assert.equal(redacted(text), expected);
  });

  it('do not hold up who reads long values', () => {
    for (const value of [
      `://${':'.repeat(4000)}`,
      `://${'%3A'.repeat(1300)}`,
      'token'.repeat(800),
      `password${'\\'.repeat(4000)}`,
      `"${'\\"'.repeat(2000)}`,
    ]) {
      hasCredentials(value);
      redacted(value);
    }
    shownUrl('%25'.repeat(20_000));
  });

  it('leave a line that can be logged, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const shown = shownUrl(text);
        assert.ok(shown.length <= 200);
        for (const bad of '\r\n\u001b\u202e\u2028') assert.ok(!shown.includes(bad));
        redacted(text);
      }),
    );
  });
});
