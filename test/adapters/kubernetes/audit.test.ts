import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { KubernetesSource } from '../../../adapters/kubernetes/source.js';
import { ManualClock, Recorder } from '../../../testkit/index.js';
import { FakeApi, send } from '../../clients/kubernetes/fake-api.js';
import { leftIn } from '../../support/left-in-signal.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';
import { aService } from './objects.js';

/** The session's probe and its own audit. */
const sleepersOfSession = 2;
const settleMs = 2000;

describe('adapters/kubernetes: an audit that is asked for', () => {
  let api: FakeApi;
  let clock: ManualClock;
  let source: KubernetesSource;
  let out: Recorder;
  let stop: AbortController;
  let running: Promise<unknown>;
  let watches: ServerResponse[];
  /** Services by name, with their versions. */
  let services: Map<string, string>;

  beforeEach(async () => {
    api = await FakeApi.start();
    clock = new ManualClock();
    out = new Recorder();
    stop = new AbortController();
    watches = [];
    services = new Map([['orders', '1']]);
    api.handler = (_, response, url) => {
      if (url.searchParams.get('watch') === 'true') {
        response.writeHead(200).flushHeaders();
        watches.push(response);
        return;
      }
      const items = url.pathname.endsWith('/services')
        ? [...services].map(([name, resourceVersion]) =>
            aService(name, {}, { resourceVersion, labels: versionLabel(name) }),
          )
        : [];
      send(response, 200, { kind: 'List', metadata: { resourceVersion: '1' }, items });
    };
    source = makeSource({ server: api.url }, { clock });
    running = source.run(out, stop.signal).catch(() => undefined);
    await untilFollowed();
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await api.close();
    assert.equal(clock.sleepers, 0, 'a timer is left');
  });

  const versionLabel = (name: string) => ({ revision: services.get(name) });
  const untilFollowed = () =>
    poll(() => watches.length === 2 && clock.sleepers >= sleepersOfSession, { intervalMs: 5, what: 'two watches' });
  const revisions = () => [...out.services].map(([name, { metadata }]) => `${name}@${metadata['revision']}`);

  it('publishes what no watch has told of', async () => {
    services.set('orders', '2').set('pay', '1');
    const { signal } = new AbortController();
    const audit = source.audit(signal);
    await clock.untilAsleep(sleepersOfSession + 1, stop.signal);
    await clock.advance(settleMs);
    assert.equal((await audit).differences, 2);
    assert.deepEqual(revisions(), ['shop/orders@2', 'shop/pay@1']);
    assert.deepEqual(leftIn(signal), { dependants: 0, listeners: 0 });
  });

  it('ends with its session, and publishes nothing of it over what the next one has listed', async () => {
    services.set('orders', '2').set('pay', '1');
    const { signal } = new AbortController();
    const audit = source.audit(signal).then(
      () => 'it has ended well',
      (error: Error) => error.message,
    );
    await clock.untilAsleep(sleepersOfSession + 1, stop.signal);

    services = new Map([['orders', '3']]);
    for (const watch of watches.splice(0)) watch.destroy();
    await poll(() => out.degradedScopes.size > 0, { intervalMs: 5, what: 'the end of the session' });
    await clock.advance(300);
    await untilFollowed();
    assert.deepEqual(revisions(), ['shop/orders@3']);

    await clock.advance(settleMs);
    const end = await audit;
    assert.deepEqual(revisions(), ['shop/orders@3']);
    assert.match(end, /the connection to the cluster ended during the audit/);
    assert.deepEqual(leftIn(signal), { dependants: 0, listeners: 0 });
  });

  it('ends with the reason of whoever asked for it', async () => {
    services.set('orders', '2');
    const caller = new AbortController();
    const audit = source.audit(caller.signal);
    await clock.untilAsleep(sleepersOfSession + 1, stop.signal);
    caller.abort(new Error('asked no more'));
    await assert.rejects(audit, /asked no more/);
  });
});
