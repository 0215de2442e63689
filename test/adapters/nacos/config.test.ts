import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { nacosSchema } from '../../../adapters/nacos/config.js';
import { nacosAdapter } from '../../../adapters/nacos/index.js';
import { RequestGate } from '../../../adapters/nacos/request-gate.js';
import { parseServer } from '../../../adapters/nacos/server.js';
import { ManualClock } from '../../../testkit/index.js';

describe('adapters/nacos config', () => {
  const problems = (config: object) =>
    nacosSchema.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  it('takes the example of the documentation, and hides the password', () => {
    const config = nacosSchema.parse({
      servers: ['http://nacos:8848'],
      namespaces: ['public', 'gray'],
      username: 'isthmus',
      password: 'hidden',
    });
    assert.equal(config.grpcPortOffset, 1000);
    assert.doesNotMatch(JSON.stringify(config), /hidden/);
  });

  it('refuses a user without a password, an unknown key, no server', () => {
    const servers = ['http://nacos:8848'];
    assert.deepEqual(problems({ servers, username: 'a' }), ['password: username and password belong together']);
    assert.deepEqual(problems({ servers, password: 'a' }), ['username: username and password belong together']);
    assert.match(problems({ servers, user: 'a' }).join(), /user/);
    assert.deepEqual(problems({ servers, tls: {} }), ['tls: no server has a URL with https']);
    assert.deepEqual(problems({ servers: ['http://nacos:65000'] }), ['servers.0: the gRPC port would be 66000']);
    assert.equal(problems({}).length, 1);
    assert.match(problems({ servers: ['http://u:p@nacos:8848'] }).join(), /credentials/);
  });

  it('describes every option', () => {
    for (const [key, option] of Object.entries(nacosAdapter.schema.shape)) {
      assert.ok((option as { description?: string }).description, `${key} has no description`);
    }
  });

  it('knows where HTTP and gRPC of a server are', () => {
    assert.deepEqual(parseServer('http://nacos:8848', 1000), {
      baseUrl: 'http://nacos:8848/nacos',
      grpc: { host: 'nacos', port: 9848 },
      secure: false,
    });
    assert.deepEqual(parseServer('https://[fd00::1]/n', 1000), {
      baseUrl: 'https://[fd00::1]/n',
      grpc: { host: 'fd00::1', port: 1443 },
      secure: true,
    });
  });
});

describe('adapters/nacos request gate', () => {
  it('lets a burst through, and then so many a second', async () => {
    const clock = new ManualClock();
    const gate = new RequestGate(clock, 5, 10);
    const { signal } = new AbortController();
    let done = 0;
    const all = Promise.all(
      Array.from({ length: 25 }, () =>
        gate.run(async () => {
          done++;
        }, signal),
      ),
    );
    await clock.advance(0);
    assert.equal(done, 5);
    await clock.advance(1000);
    assert.equal(done, 15);
    await clock.advance(1000);
    assert.equal(done, 25);
    await all;
  });

  it('lets nobody through after the abort, and keeps no timer', async () => {
    const clock = new ManualClock();
    const gate = new RequestGate(clock, 1, 1);
    const abort = new AbortController();
    const run = () => gate.run(async () => 'ran', abort.signal);
    assert.equal(await run(), 'ran');
    const waiting = [run(), run()];
    await clock.advance(0);
    abort.abort(new Error('over'));
    const outcomes = await Promise.allSettled(waiting);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(clock.sleepers, 0);
  });
});
