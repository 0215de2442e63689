import assert from 'node:assert/strict';
import fc from 'fast-check';
import { answerChallenge } from '../../../adapters/zookeeper/digest-md5.js';
import { ZookeeperError } from '../../../adapters/zookeeper/zookeeper-error.js';

const credentials = { username: 'chris', password: 'secret' };

describe('SASL DIGEST-MD5', () => {
  it('answers as RFC 2831 has it, and knows the last word of a server that has the password', () => {
    // By the formulas of section 2.1.2.1 for ZooKeeper's realm and service, calculated by hand with md5sum.
    const challenge = Buffer.from('realm="zk-sasl-md5",nonce="OA6MG9tEQGm2hh",charset=utf-8,algorithm=md5-sess');
    const { token, isAnsweredBy } = answerChallenge(challenge, credentials, 'OA6MHXh6VqTrRk');
    const text = token.toString();
    assert.match(text, /username="chris",realm="zk-sasl-md5",nonce="OA6MG9tEQGm2hh"/);
    assert.match(text, /digest-uri="zookeeper\/zk-sasl-md5"/);
    assert.match(text, /response=08659cbbde96b164e9ebf4020a889fa8,/);
    assert.ok(isAnsweredBy(Buffer.from('rspauth=6141d16333713b2592fc5680f8d67c3e')));
    assert.ok(!isAnsweredBy(Buffer.from('rspauth=6141d16333713b2592fc5680f8d67c30')));
    assert.ok(!isAnsweredBy(Buffer.alloc(0)));
    assert.doesNotMatch(text, /secret/);
  });

  it('refuses what is no challenge, and throws nothing else', () => {
    for (const text of ['', 'realm="x"', 'nonce="a",algorithm=sha-256', `nonce="${'a'.repeat(3000)}"`]) {
      assert.throws(() => answerChallenge(Buffer.from(text), credentials), ZookeeperError, text);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          answerChallenge(Buffer.from(bytes), credentials);
        } catch (error) {
          assert.ok(error instanceof ZookeeperError, String(error));
        }
      }),
    );
  });
});
