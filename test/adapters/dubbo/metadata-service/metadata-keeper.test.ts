import assert from 'node:assert/strict';
import type { ApplicationInstance } from '../../../../adapters/dubbo/application-instance.js';
import { MetadataError, type MetadataInfo } from '../../../../adapters/dubbo/metadata-info.js';
import type { fetchMetadata } from '../../../../adapters/dubbo/metadata-service/fetch-metadata.js';
import {
  MetadataKeeper,
  type MetadataKeeperOptions,
} from '../../../../adapters/dubbo/metadata-service/metadata-keeper.js';
import { deferred } from '../../../../core/plugin/index.js';
import { ManualClock } from '../../../../testkit/index.js';
import { poll } from '../../../support/poll.js';
import { applicationInstance } from '../make.js';

const info = (application: string, revision: string): MetadataInfo => ({ application, revision, services: [] });

describe('MetadataKeeper', () => {
  let stop: AbortController;
  let clock: ManualClock;
  let asked: string[];
  let arrived: string[];
  let failed: string[];
  beforeEach(() => {
    stop = new AbortController();
    clock = new ManualClock();
    asked = [];
    arrived = [];
    failed = [];
  });
  afterEach(() => stop.abort(new Error('the test is over')));

  function make(
    ask: (instance: ApplicationInstance) => Promise<MetadataInfo>,
    more: Partial<MetadataKeeperOptions> = {},
  ) {
    const counted: typeof fetchMetadata = (instance) => {
      asked.push(`${instance.address}/${instance.revision}`);
      return ask(instance);
    };
    return new MetadataKeeper({
      readReport: () => Promise.reject(new Error('no report')),
      onArrival: (application, revision) => arrived.push(`${application}/${revision}`),
      onFailure: (application, revision, error) => failed.push(`${application}/${revision} ${error.message}`),
      clock,
      signal: stop.signal,
      random: () => 0,
      ask: counted,
      ...more,
    });
  }

  it('asks one of the instances that announce a revision, once, however many there are', async () => {
    const keeper = make(async ({ application, revision }) => info(application, revision));
    const instances = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) =>
      applicationInstance({ address, revision: 'r1' }),
    );
    keeper.follow('shop', instances);
    keeper.follow('shop', instances);
    assert.equal(keeper.get('shop', 'r1'), undefined);
    await keeper.settled(stop.signal);
    assert.deepEqual([asked, arrived], [['10.0.0.1/r1'], ['shop/r1']]);
    assert.deepEqual(keeper.get('shop', 'r1'), info('shop', 'r1'));
    keeper.follow('shop', instances);
    await keeper.settled(stop.signal);
    assert.equal(asked.length, 1);
  });

  it('tries up to three instances, then says so and tries again after a back-off', async () => {
    let works = false;
    const keeper = make(async ({ application, revision, address }) => {
      if (!works) throw new MetadataError(`${address} is dead`);
      return info(application, revision);
    });
    keeper.follow(
      'shop',
      [1, 2, 3, 4].map((number) => applicationInstance({ address: `10.0.0.${number}` })),
    );
    await keeper.settled(stop.signal);
    assert.deepEqual(asked, ['10.0.0.1/r1', '10.0.0.2/r1', '10.0.0.3/r1']);
    assert.deepEqual(failed, ['shop/r1 10.0.0.3 is dead']);
    works = true;
    await poll(() => clock.sleepers > 0);
    await clock.advance(500);
    await poll(() => arrived.length > 0);
    assert.deepEqual(arrived, ['shop/r1']);
  });

  it('asks the instances that announce it now, not those of before', async () => {
    const keeper = make(async ({ application, revision, address }) => {
      if (address === '10.0.0.1') throw new MetadataError('dead');
      return info(application, revision);
    });
    keeper.follow('shop', [applicationInstance({ address: '10.0.0.1' })]);
    await keeper.settled(stop.signal);
    keeper.follow('shop', [applicationInstance({ address: '10.0.0.2' })]);
    await poll(() => clock.sleepers > 0);
    await clock.advance(500);
    await poll(() => arrived.length > 0);
    assert.deepEqual(asked, ['10.0.0.1/r1', '10.0.0.2/r1']);
  });

  it('reads the report for remote metadata, and tells when it has no such revision', async () => {
    const reports = new Map([['shop/r1', JSON.stringify({ app: 'shop', revision: 'r1', services: {} })]]);
    const keeper = make(() => Promise.reject(new Error('not asked')), {
      readReport: async (application, revision) => reports.get(`${application}/${revision}`),
    });
    keeper.follow('shop', [
      applicationInstance({ storage: 'remote' }),
      applicationInstance({ storage: 'remote', revision: 'r2', port: 2 }),
    ]);
    await keeper.settled(stop.signal);
    assert.deepEqual([asked, arrived], [[], ['shop/r1']]);
    assert.deepEqual(failed, ['shop/r2 the metadata report has no revision r2']);
  });

  it('forgets what nobody announces any more, but for the latest', async () => {
    const keeper = make(async ({ application, revision }) => info(application, revision), { maxRetired: 1 });
    for (const revision of ['r1', 'r2', 'r3']) {
      keeper.follow('shop', [applicationInstance({ revision })]);
      await keeper.settled(stop.signal);
    }
    assert.deepEqual(
      [1, 2, 3].map((number) => keeper.get('shop', `r${number}`) !== undefined),
      [false, true, true],
    );
    keeper.follow('shop', [applicationInstance({ revision: 'r2' })]);
    await keeper.settled(stop.signal);
    assert.equal(asked.length, 3);
  });

  it('stops asking for what nobody announces any more', async () => {
    const keeper = make(() => Promise.reject(new Error('dead')));
    keeper.follow('shop', [applicationInstance({})]);
    await keeper.settled(stop.signal);
    await poll(() => clock.sleepers > 0);
    keeper.follow('shop', []);
    await poll(() => clock.sleepers === 0);
    assert.equal(asked.length, 1);
  });

  it('asks no more at once than it may, and ends at the deadline who does not answer', async () => {
    const keeper = make(() => deferred<never>().promise, { concurrency: 2, timeoutMs: 300 });
    for (let app = 0; app < 4; app++) keeper.follow(`app${app}`, [applicationInstance({ application: `app${app}` })]);
    await poll(() => clock.sleepers === 2);
    assert.equal(asked.length, 2);
    await clock.advance(300);
    await poll(() => asked.length === 4);
    await clock.advance(300);
    await keeper.settled(stop.signal);
    assert.match(failed.join(), /(?:app\d\/r1 no answer within 300 ms,?){4}/);
  });

  it('leaves nothing running after the abort', async () => {
    const keeper = make(() => Promise.reject(new Error('dead')));
    keeper.follow('shop', [applicationInstance({})]);
    await keeper.settled(stop.signal);
    await poll(() => clock.sleepers > 0);
    stop.abort(new Error('over'));
    await poll(() => clock.sleepers === 0);
    keeper.follow('shop', [applicationInstance({ revision: 'r9' })]);
    assert.equal(asked.length, 1);
    await assert.rejects(keeper.settled(stop.signal), /over/);
  });
});
