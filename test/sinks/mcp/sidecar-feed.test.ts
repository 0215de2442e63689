import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Consumer } from '../../../core/model/index.js';
import { ConsumerTable } from '../../../core/source/consumer-table.js';
import { declaredConsumers } from '../../../core/source/declared-consumers.js';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { Sidecar } from '../../../proto/gen/sidecar.js';
import type { KeyedResource } from '../../../sinks/mcp/content.js';
import { SidecarFeed } from '../../../sinks/mcp/sidecar-feed.js';
import { ManualClock } from '../../../testkit/index.js';
import { leftIn } from '../../support/left-in-signal.js';
import { poll } from '../../support/poll.js';
import { sinkDeps } from '../support/running-sink.js';
import { catalogService } from '../support/services.js';

const dayMs = 86_400_000;
const consumer = (application: string, id = application): Consumer => ({ id, application, address: '', metadata: {} });

function hostsOf({ resource }: KeyedResource): readonly string[] {
  const [any] = DiscoveryResponse.decode(resource?.chunk ?? assert.fail('it is gone')).resources;
  const { body } = Resource.decode(any?.value ?? assert.fail('no resource'));
  return Sidecar.decode(body?.value ?? assert.fail('no body')).egress.flatMap(({ hosts }) => hosts);
}

describe('the Sidecars of applications', () => {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-sidecars-'));
  const clock = new ManualClock();
  let table: ConsumerTable;
  let feed: SidecarFeed;
  let told: KeyedResource[][];
  let stop: AbortController;
  let running: Promise<void>;

  async function start(): Promise<void> {
    table = new ConsumerTable();
    told = [];
    stop = new AbortController();
    const options = {
      namespace: 'apps',
      workloadSelector: { app: '{application}' },
      applications: ['*'],
      hosts: ['./*'],
      trimAfterMs: dayMs,
      settleMs: 60_000,
    };
    const consumers = declaredConsumers(new Map([['nacos-hz', table]]));
    feed = new SidecarFeed(
      options,
      sinkDeps({ dataDir: dir, clock, consumers }),
      (changes) => void told.push([...changes]),
    );
    await feed.load(stop.signal);
    running = feed.run(stop.signal);
  }

  async function end(): Promise<void> {
    stop.abort();
    await running;
    assert.equal(clock.sleepers, 0, 'a timer is left');
  }

  const take = (reset: boolean, ...hosts: string[]) =>
    feed.take({ revision: 1, reset, upserts: hosts.map((host) => catalogService(host)), removes: [] });

  before(start);
  after(async () => {
    await end();
    rmSync(dir, { recursive: true });
  });

  it('come when the application has been known for a while, with all that it declared until then', async () => {
    table.set('pay.nacos', [consumer('shop'), consumer('shop', 'another instance'), consumer('')]);
    take(true, 'pay.nacos', 'ship.nacos');
    table.set('ship.nacos', [consumer('shop')]);
    await clock.advance(59_999);
    assert.deepEqual(told, []);
    await clock.advance(1);
    assert.equal(told.length, 1);
    assert.deepEqual(
      told.flat().map(({ key, name }) => [key, name]),
      [['shop', 'apps/isthmus-shop']],
    );
    assert.deepEqual(hostsOf(told[0]?.[0] ?? assert.fail()), ['*/pay.nacos', '*/ship.nacos', './*']);
  });

  it('leave nothing behind in a signal that lives for weeks, however often they are looked at', async () => {
    const before = leftIn(stop.signal);
    for (let index = 0; index < 20; index++) {
      table.set('pay.nacos', [consumer('shop', `instance ${index}`), consumer('shop')]);
      await clock.advance(0);
    }
    assert.deepEqual(leftIn(stop.signal), before);
  });

  it('grow at once, all that comes in one turn together', async () => {
    take(false, 'mail.nacos', 'sms.nacos');
    table.set('mail.nacos', [consumer('shop')]);
    table.set('sms.nacos', [consumer('shop')]);
    await clock.advance(0);
    assert.equal(told.length, 2);
    assert.equal(hostsOf(told[1]?.[0] ?? assert.fail()).length, 5);
  });

  it('outlive a restart: what was known is there before anything is read, and the day goes on', async () => {
    table.set('mail.nacos', []);
    await clock.advance(dayMs / 2);
    await end();
    await start();
    take(true);
    await clock.advance(0);
    assert.deepEqual(hostsOf(told[0]?.[0] ?? assert.fail()), [
      '*/mail.nacos',
      '*/pay.nacos',
      '*/ship.nacos',
      '*/sms.nacos',
      './*',
    ]);
    for (const name of ['pay', 'ship', 'sms']) table.set(`${name}.nacos`, [consumer('shop')]);
    take(false, 'pay.nacos', 'ship.nacos', 'sms.nacos');
    await clock.advance(dayMs / 2);
    assert.deepEqual(hostsOf(told.at(-1)?.[0] ?? assert.fail()), ['*/pay.nacos', '*/ship.nacos', '*/sms.nacos', './*']);
    assert.equal(feed.status().vanished, 0);
  });

  it('go when nothing is known of the application any more', async () => {
    for (const name of ['pay', 'ship', 'sms']) table.set(`${name}.nacos`, []);
    await clock.advance(dayMs);
    assert.deepEqual(told.at(-1), [{ key: 'shop', name: 'apps/isthmus-shop', resource: undefined }]);
    assert.deepEqual(feed.status(), { resources: 0, vanished: 0, invalidCount: 0, invalid: [] });
  });

  it('are not there for an application that cannot have one, and the reason is told', async () => {
    table.set('pay.nacos', [consumer('an application')]);
    await clock.advance(60_000);
    const { invalid } = await poll(() => feed.status().invalidCount === 1 && feed.status());
    assert.deepEqual(invalid, [
      { application: 'an application', reasons: ['workloadSelector: "an application" of "app" is no label value'] },
    ]);
  });
});
