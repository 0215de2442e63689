import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, afterEach, before, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeSource } from './make-source.js';

const deadlineMs = 60_000;
const crowd = 500;

interface Answer {
  readonly applications: {
    readonly application: readonly {
      readonly name: string;
      readonly instance: readonly { readonly instanceId: string; readonly actionType: string }[];
    }[];
  };
}

/**
 * Eureka's ResponseCacheImpl makes up an answer while the registry changes, and an invalidation that comes meanwhile does
 * not reach the answer that is not in the cache yet: it is kept without the change, until another one comes.
 */
describe('adapters/eureka source, a delta that a change has missed', function () {
  this.timeout(180_000);
  let server: EurekaServer;
  let writer: EurekaWriter;
  let run: SourceRun | undefined;

  before(async () => {
    server = await startEureka({ properties: { 'eureka.server.use-read-only-response-cache': false } });
    writer = new EurekaWriter(server.url);
    // A delta of many takes its time, in which a change can come.
    for (let start = 0; start < crowd; start += 25) {
      await Promise.all(
        Array.from({ length: 25 }, (_, index) =>
          writer.register('CROWD', { id: `c${start + index}`, address: '10.5.1.1', port: 8000 + start + index }),
        ),
      );
    }
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });
  after(() => server?.kill());

  /** What the delta says of the instance last. */
  async function told(): Promise<string | undefined> {
    const { body } = await http(`${server.url}/apps/delta`, { headers: { accept: 'application/json' } });
    const { application } = (JSON.parse(body) as Answer).applications;
    const instances = application.find(({ name }) => name === 'ORDERS')?.instance ?? [];
    return instances.find(({ instanceId }) => instanceId === 'a')?.actionType;
  }

  /** Makes a change while deltas are asked for. */
  async function whileAsked(change: () => Promise<void>): Promise<void> {
    const ended = new AbortController();
    const asking = (async () => {
      while (!ended.signal.aborted) await told();
    })();
    await delay(Math.random() * 40);
    await change();
    ended.abort();
    await asking;
  }

  const come = () => writer.register('ORDERS', { id: 'a', address: '10.5.0.1', port: 8000 });
  const go = () => writer.deregister('ORDERS', 'a');

  it('publishes what has come back, though the delta tells of its end alone', async () => {
    await come();
    await poll(
      async () => {
        await go();
        await whileAsked(come);
        return (await told()) === 'DELETED';
      },
      { timeoutMs: deadlineMs, what: 'the server to miss a change' },
    );
    run = new SourceRun(makeSource({ servers: [server.url] }));
    const { recorder } = run;
    await recorder.waitFor(({ synced }) => synced, { deadlineMs });
    assert.equal(await told(), 'DELETED', 'as the server says still');
    const seen = new Set<number | undefined>();
    const look = () => seen.add(recorder.services.get('ORDERS')?.instances.length);
    look();
    const stop = recorder.onEvent(look);
    await delay(1500);
    stop();
    assert.deepEqual([...seen], [1]);
    assert.equal(recorder.degradedScopes.size, 0);

    await go();
    await recorder.waitFor(({ services }) => services.get('ORDERS')?.instances.length === 0, { deadlineMs });
  });

  it('publishes nothing of what has gone, though the delta has it still', async () => {
    await poll(
      async () => {
        await come();
        await whileAsked(go);
        return (await told()) === 'ADDED';
      },
      { timeoutMs: deadlineMs, what: 'the server to miss a change' },
    );
    run = new SourceRun(makeSource({ servers: [server.url], fullIntervalMs: 1000 }));
    const { recorder } = run;
    await recorder.waitFor(({ synced }) => synced, { deadlineMs });
    assert.equal(await told(), 'ADDED', 'as the server says still');
    let hasBeenThere = false;
    const look = () => {
      hasBeenThere ||= (recorder.services.get('ORDERS')?.instances.length ?? 0) > 0;
    };
    look();
    const stop = recorder.onEvent(look);
    await delay(2500);
    stop();
    assert.equal(hasBeenThere, false);
    assert.equal(recorder.degradedScopes.size, 0);

    await come();
    await recorder.waitFor(({ services }) => services.get('ORDERS')?.instances.length === 1, { deadlineMs });
  });

  it('publishes the end of what it has published, though the delta has it still', async () => {
    await go();
    run = new SourceRun(makeSource({ servers: [server.url] }));
    const { recorder } = run;
    const published = () => recorder.services.get('ORDERS')?.instances.length ?? 0;
    await recorder.waitFor(({ synced }) => synced, { deadlineMs });
    await poll(
      async () => {
        await come();
        await recorder.waitFor(() => published() === 1, { what: 'the instance', deadlineMs });
        await whileAsked(go);
        return (await told()) === 'ADDED';
      },
      { timeoutMs: deadlineMs, what: 'the server to miss a change' },
    );
    await recorder.waitFor(() => published() === 0, { what: 'its end', deadlineMs });
    assert.equal(await told(), 'ADDED', 'as the server says still');
  });
});
