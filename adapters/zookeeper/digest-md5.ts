import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ZookeeperError } from './zookeeper-error.js';

export interface DigestMd5Credentials {
  readonly username: string;
  readonly password: string;
}

/** What answers the server's challenge, and what the server must then say to show that it knows the password, too. */
export interface DigestMd5Response {
  readonly token: Buffer;
  readonly isAnsweredBy: (lastWord: Buffer) => boolean;
}

/** ZooKeeper's own name of its service, and of its realm where a challenge has none. */
const service = 'zookeeper';
const defaultRealm = 'zk-sasl-md5';
const nonceCount = '00000001';
const maxChallengeBytes = 2048;
const directive = /([a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]*))/g;

/**
 * SASL DIGEST-MD5 (RFC 2831) with quality of protection `auth`, as ZooKeeper's servers speak it.
 * @param nonce of the client; only tests give one
 * @throws ZookeeperError PROTOCOL for a challenge that is none
 */
export function answerChallenge(
  challenge: Buffer,
  { username, password }: DigestMd5Credentials,
  nonce = randomBytes(16).toString('base64'),
): DigestMd5Response {
  if (challenge.length > maxChallengeBytes) throw new ZookeeperError('PROTOCOL', 'the SASL challenge is too long');
  const fields = new Map<string, string>();
  for (const [, name = '', quoted, bare] of challenge.toString('utf8').matchAll(directive)) {
    fields.set(name, quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  const serverNonce = fields.get('nonce');
  if (serverNonce === undefined || (fields.get('algorithm') ?? 'md5-sess') !== 'md5-sess') {
    throw new ZookeeperError('PROTOCOL', 'the server offers no SASL DIGEST-MD5');
  }
  const realm = fields.get('realm') ?? defaultRealm;
  const uri = `${service}/${realm}`;
  const secret = md5(Buffer.concat([text(username), text(':'), text(realm), text(':'), text(password)]));
  const session = md5(Buffer.concat([secret, text(`:${serverNonce}:${nonce}`)])).toString('hex');
  const proof = (method: string) => {
    const action = md5(text(`${method}:${uri}`)).toString('hex');
    return md5(text(`${session}:${serverNonce}:${nonceCount}:${nonce}:auth:${action}`)).toString('hex');
  };
  const token = [
    'charset=utf-8',
    `username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(serverNonce)}`,
    `nc=${nonceCount}`,
    `cnonce=${quote(nonce)}`,
    `digest-uri=${quote(uri)}`,
    'maxbuf=65536',
    `response=${proof('AUTHENTICATE')}`,
    'qop=auth',
  ].join(',');
  const expected = Buffer.from(`rspauth=${proof('')}`);
  return {
    token: Buffer.from(token),
    isAnsweredBy: (lastWord) => lastWord.length === expected.length && timingSafeEqual(lastWord, expected),
  };
}

/** What fits into ISO 8859-1 is hashed as such, the rest as UTF-8 (RFC 2831, section 2.1.2.1, `charset`). */
function text(value: string): Buffer {
  return [...value].every((char) => char <= '\u00ff') ? Buffer.from(value, 'latin1') : Buffer.from(value);
}

function quote(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest();
}
