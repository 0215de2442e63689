import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { poll } from '../../support/poll.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeSource } from './make-source.js';

const deadlineMs = 60_000;

describe('adapters/eureka source, remote regions', function () {
  this.timeout(240_000);
  let home: EurekaServer;
  let remote: EurekaServer;
  let homeWriter: EurekaWriter;
  let remoteWriter: EurekaWriter;
  let run: SourceRun | undefined;

  before(async () => {
    remote = await startEureka();
    remoteWriter = new EurekaWriter(remote.url);
    await remoteWriter.register('FAR', { id: 'f1', address: '10.4.0.1', port: 8000 });
    await remoteWriter.register('BOTH', { id: 'b-far', address: '10.4.0.2', port: 8000 });
    home = await startEureka({
      properties: {
        'eureka.server.remote-region-urls-with-name.far': `${remote.url}/`,
        'eureka.server.remote-region-registry-fetch-interval': 1,
        // What a server has of other regions it answers from its cache until that has run out, 180 s normally.
        'eureka.server.response-cache-auto-expiration-in-seconds': 2,
      },
    });
    homeWriter = new EurekaWriter(home.url);
    await homeWriter.register('BOTH', { id: 'b-near', address: '10.4.0.3', port: 8000 });
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });
  after(async () => {
    await Promise.all([home?.stop(), remote?.stop()]);
  });

  const start = (regions: string[]) => {
    run = new SourceRun(makeSource({ servers: [home.url], regions }));
    return run.recorder;
  };
  const ids = (name: string) =>
    run?.recorder.services
      .get(name)
      ?.instances.map(({ id }) => id)
      .join();

  it('reads them besides the own one, follows their changes, and agrees with the hash', async () => {
    const recorder = start(['far']);
    await recorder.waitFor(() => ids('FAR') === 'f1' && ids('BOTH') === 'b-far,b-near', { deadlineMs });
    await remoteWriter.register('FAR', { id: 'f2', address: '10.4.0.4', port: 8000 });
    await recorder.waitFor(() => ids('FAR') === 'f1,f2', { deadlineMs });
    await remoteWriter.deregister('FAR', 'f2');
    await recorder.waitFor(() => ids('FAR') === 'f1', { deadlineMs });
    assert.deepEqual([...recorder.degradedScopes.keys()], []);
  });

  it('reads none that was not asked for, and survives one that the server does not know', async () => {
    const recorder = start(['no-such-region']);
    await recorder.waitFor(() => ids('BOTH') === 'b-near', { deadlineMs });
    await poll(() => recorder.synced);
    assert.equal(recorder.services.has('FAR'), false);
    assert.equal(recorder.degradedScopes.size, 0);
  });
});
