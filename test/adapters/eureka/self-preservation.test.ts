import assert from 'node:assert/strict';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { readDashboard } from '../../../adapters/eureka/dashboard.js';
import { LeaseCensus } from '../../../adapters/eureka/lease-census.js';
import { SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeEureka, json, raw, status } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeSource } from './make-source.js';

const row = (label: string, value: string) => `<tr>\n        <td>${label}</td>\n        <td>${value}</td>\n      </tr>`;
const page = (expires: string, threshold = '1,234', renewals = '7') =>
  `<!doctype html><table>${row('Lease expiration enabled', expires)}${row('Renews threshold', threshold)}${row('Renews (last min)', renewals)}</table>`;
const html = { 'content-type': 'text/html;charset=UTF-8' };

describe('adapters/eureka readDashboard', () => {
  it('reads the status bar', () => {
    assert.deepEqual(readDashboard(page('false')), { expiresLeases: false, threshold: '1,234', renewals: '7' });
    assert.equal(readDashboard(page('true'))?.expiresLeases, true);
  });

  it('knows another page for one', () => {
    for (const text of ['', '<html></html>', page('maybe'), 'Lease expiration enabled: false']) {
      assert.equal(readDashboard(text), undefined);
    }
  });

  it('takes anything and repeats nothing but short, plain text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (threshold, renewals) => {
        const state = readDashboard(page('false', threshold, renewals));
        for (const text of [state?.threshold, state?.renewals])
          assert.match(text ?? '', /^[\w.,'\u00a0\u202f ]{0,30}$/);
      }),
    );
  });
});

describe('adapters/eureka LeaseCensus', () => {
  const lease = (seenMs: number, seconds = 90) => ({
    leaseInfo: { durationInSecs: seconds, registrationTimestamp: 1, lastRenewalTimestamp: seenMs },
  });
  const census = (...instances: readonly Record<string, unknown>[]) => {
    const all = new LeaseCensus();
    all.add({ name: 'A', instance: instances });
    return all;
  };

  it('finds leases that have run out long ago, by the newest sign of life', () => {
    assert.deepEqual(census(lease(1_000_000), lease(1_000)).overdue(), { overdue: 1, leases: 2 });
    assert.equal(census(lease(1_000_000), lease(900_000)).overdue(), undefined);
  });

  it('takes a few among many for ones that are about to be evicted', () => {
    const many = Array.from({ length: 30 }, () => lease(1_000_000));
    assert.equal(census(...many, lease(1_000)).overdue(), undefined);
  });

  it('takes anything', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (instance, leaseInfo) => {
        const all = new LeaseCensus();
        for (const value of [instance, { instance }, { instance: { leaseInfo } }, { instance: [{ leaseInfo }] }])
          all.add(value);
        all.overdue();
      }),
    );
  });
});

describe('adapters/eureka source, self-preservation', () => {
  let server: FakeEureka;
  let run: SourceRun | undefined;

  beforeEach(async () => {
    server = new FakeEureka();
    await server.start();
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await server.stop();
  });

  const start = (config: Partial<Parameters<typeof makeSource>[0]> = {}) => {
    run = new SourceRun(makeSource({ servers: [server.url], intervalMs: 100, dashboardIntervalMs: 200, ...config }));
    return run.recorder;
  };

  it('is told with its numbers while it lasts, by the page of the server', async () => {
    server.other = raw(page('false', '5', '2'), html);
    const recorder = start({ dashboardPath: '/pages/' });
    await recorder.waitFor(({ notices }) => notices.has('self-preservation'));
    assert.match(
      recorder.notices.get('self-preservation') ?? '',
      /is in self-preservation .*\(2 renewals in the last minute, at least 5 expected\)/,
    );
    assert.ok(server.paths.includes('/pages/lastn'), 'the page lies beside /eureka');
    assert.equal(recorder.degradedScopes.size, 0);
    server.other = raw(page('true'), html);
    await recorder.waitFor(({ notices }) => !notices.has('self-preservation'));
  });

  it('is guessed from leases where there is no page', async () => {
    const now = 1_800_000_000_000;
    const leaseInfo = (agoMs: number) => ({ durationInSecs: 90, lastRenewalTimestamp: now - agoMs });
    const instances = [0, 900_000].map((agoMs, index) =>
      instanceJson('A', `a${index}`, { leaseInfo: leaseInfo(agoMs) }),
    );
    server.full = json(listing({ A: instances }));
    server.delta = json(listing({}, 'UP_2_'));
    const recorder = start();
    await recorder.waitFor(({ notices }) => notices.has('self-preservation'));
    assert.match(recorder.notices.get('self-preservation') ?? '', /lists 1 of 2 instances whose leases have run out/);
  });

  for (const [what, answer] of [
    ['is missing', status(404)],
    ['needs other credentials', status(401)],
    ['redirects', raw('', { location: '/login' }, 302)],
    ['never comes', () => undefined],
    ['is endless', raw('x'.repeat(2_000_000), html)],
    ['is another one', raw('<html>', html)],
  ] as const) {
    it(`disturbs nothing when the page ${what}`, async () => {
      server.other = answer;
      const recorder = start({ requestTimeoutMs: 500 });
      await recorder.waitFor(({ synced }) => synced);
      await poll(() => server.paths.includes('/lastn') && server.count('delta') >= 8);
      assert.equal(recorder.degradedScopes.size, 0);
      assert.equal(recorder.notices.size, 0);
    });
  }

  it('is not looked for when that is switched off', async () => {
    const recorder = start({ dashboardIntervalMs: 0 });
    await recorder.waitFor(({ synced }) => synced);
    await poll(() => server.count('delta') >= 5);
    assert.equal(server.paths.includes('/lastn'), false);
  });
});
