import assert from 'node:assert/strict';
import { ZookeeperConnection } from '../../../adapters/zookeeper/connection.js';
import { Secret } from '../../../core/plugin/index.js';
import { poll } from '../../support/poll.js';
import { startFakeServer } from './fake-server.js';

const saslType = 102;

describe('ZookeeperConnection', () => {
  let stop: () => Promise<void> = async () => undefined;
  afterEach(() => stop());

  const challenges = { 'that is none of DIGEST-MD5': 'realm="zk-sasl-md5"', 'that is too long': 'x'.repeat(4096) };
  for (const [what, challenge] of Object.entries(challenges)) {
    it(`leaves no connection behind where the server has a SASL challenge ${what}`, async () => {
      const token = Buffer.from(challenge);
      const length = Buffer.alloc(4);
      length.writeInt32BE(token.length);
      const server = await startFakeServer((request) =>
        request.readInt32BE(8) === saslType ? Buffer.concat([length, token]) : undefined,
      );
      stop = server.stop;
      const opening = ZookeeperConnection.open(
        { host: '127.0.0.1', port: server.port },
        {
          ...{ sessionTimeoutMs: 15_000, connectTimeoutMs: 5000, requestTimeoutMs: 30_000, concurrency: 4 },
          maxResponseBytes: 4_194_304,
          auth: { scheme: 'sasl', username: 'isthmus', password: new Secret('S3CRET') },
        },
        undefined,
        new AbortController().signal,
      );
      await assert.rejects(opening, { code: 'PROTOCOL', message: /SASL/ });
      await poll(() => server.sockets.size === 0, { what: 'the end of the connection' });
    });
  }
});
