import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import pino from 'pino';
import type { Service } from '../../../core/plugin/index.js';
import { SourceRun, serviceProblems } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeEureka, gzipped, json, raw } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeDeps, makeSource } from './make-source.js';

const megabyte = 1024 * 1024;
const good = { GOOD: [instanceJson('GOOD', 'g1'), instanceJson('GOOD', 'g2')] };

/** Text in place of an application that a server cannot be made to list. Beside it stands a good one. */
const withApplication = (application: string, hash = 'UP_3_') => {
  const [one] = listing(good).applications.application;
  return `{"applications":{"versions__delta":"1","apps__hashcode":"${hash}","application":[${application},${JSON.stringify(one)}]}}`;
};
const bad = (change: Readonly<Record<string, unknown>>) =>
  JSON.stringify({ name: 'BAD', instance: [instanceJson('BAD', 'b1', change)] });
/** An instance whose field is written as it stands. */
const badText = (key: string, text: string) => bad({ [key]: '@@' }).replace('"@@"', text);
const port = (text: string) => `{"$":${text},"@enabled":"true"}`;

describe('adapters/eureka source, bad inputs', () => {
  let server: FakeEureka;
  let run: SourceRun | undefined;
  let untouched: Service | undefined;

  beforeEach(async () => {
    server = new FakeEureka();
    await server.start();
    server.full = json(listing(good));
    server.delta = json(listing({}, 'UP_2_'));
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await server.stop();
  });

  /** A source that has published the good application, so that what comes then must leave it as it is. */
  const start = async () => {
    run = new SourceRun(makeSource({ servers: [server.url], intervalMs: 100, maxResponseBytes: 8 * megabyte }));
    await run.recorder.waitFor(({ synced }) => synced);
    untouched = run.recorder.services.get('GOOD');
    return run.recorder;
  };

  const rejected: readonly (readonly [string, string, RegExp])[] = [
    ['a port of 2^53+1', badText('port', port('9007199254740993')), /^port: /],
    ['a port of 1e999', badText('port', port('1e999')), /^port: /],
    ['a port of -1', badText('port', port('-1')), /^port: /],
    ['a port with a fraction', badText('port', port('80.5')), /^port: /],
    ['a port that is an object', badText('port', port('{"$":80}')), /^port: /],
    ['no port but a flag', badText('port', '{"@enabled":"true"}'), /^port: /],
    ['a flag that is no flag', badText('port', '{"$":80,"@enabled":"yes"}'), /no enabled port/],
    [
      'a flag given twice, the second false',
      badText('port', '{"$":80,"@enabled":"true","@enabled":"false"}'),
      /no enabled/,
    ],
    ['the address of a metadata service', bad({ ipAddr: '169.254.169.254' }), /link-local/],
    [
      'an address given twice, the second unspecified',
      badText('ipAddr', '"10.0.0.1","ipAddr":"0.0.0.0"'),
      /unspecified/,
    ],
    ['an id of 513 characters', bad({ instanceId: 'x'.repeat(513) }), /no id/],
  ];
  for (const [what, application, reason] of rejected) {
    it(`leaves out an instance with ${what}, and says why`, async () => {
      const recorder = await start();
      server.full = raw(withApplication(application));
      server.delta = json(listing({}, 'UP_3_'));
      await recorder.waitFor(({ services }) => services.has('BAD'));
      const service = recorder.services.get('BAD');
      assert.deepEqual(service?.instances, []);
      assert.match(service?.rejected?.[0]?.reason ?? '', reason);
      assert.equal(recorder.services.get('GOOD'), untouched);
      assert.equal(recorder.degradedScopes.size, 0);
    });
  }

  it('tells once of all applications that it leaves out, and of each only what is news', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const config = { servers: [server.url], intervalMs: 100, fullIntervalMs: 1000 };
    const nameless = Array.from({ length: 500 }, (_, index) => `{"name":"bad\\n${index}","instance":[]}`).join(',');
    server.full = raw(withApplication(nameless, 'UP_2_'));
    run = new SourceRun(makeSource(config, makeDeps(undefined, logger)));
    await poll(() => server.count('full') >= 3);
    const notice = run.recorder.notices.get('unusable names') ?? '';
    assert.match(notice, /^500 applications .* first.*bad\\n0/);
    assert.ok(!notice.includes('\n'));
    assert.equal(lines.length, 0, lines[0]);
    server.full = json(listing(good));
    await run.recorder.waitFor(({ notices }) => !notices.has('unusable names'));
  });

  it('takes no listing of more instances than a registry can have', async () => {
    const recorder = await start();
    server.full = raw(withApplication(`{"name":"BAD","instance":[${'{},'.repeat(1_000_000)}{}]}`));
    server.delta = json(listing({}, 'UP_9_'));
    await recorder.waitFor(({ degradedScopes }) => /more than 1000000 instances/.test(`${degradedScopes.get('')}`));
    assert.equal(recorder.services.get('GOOD'), untouched);
  });

  const taken: readonly (readonly [string, string])[] = [
    ['10,000 levels within', badText('metadata', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`)],
    [
      '10,000 keys of metadata',
      bad({ metadata: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, 'v'])) }),
    ],
    ['a value of 1 MiB', bad({ metadata: { long: 'x'.repeat(megabyte) } })],
    ['keys that objects have', badText('metadata', '{"__proto__":"a","constructor":"b","toString":"c"}')],
    ['weights that are none', bad({ metadata: { weight: 'NaN' } })],
    ['a lone surrogate', badText('hostName', '"a\\ud800"')],
    [
      'times that no clock shows',
      bad({ lastDirtyTimestamp: '99999999999999999999', leaseInfo: { durationInSecs: 1e308 } }),
    ],
    ['text that would forge a line of a log', bad({ instanceId: 'b\r\n{"level":50}\u001b[31m' })],
  ];
  for (const [what, application] of taken) {
    it(`takes an instance with ${what}, within bounds`, async () => {
      const recorder = await start();
      server.full = raw(withApplication(application));
      server.delta = json(listing({}, 'UP_3_'));
      await recorder.waitFor(({ services }) => services.has('BAD'));
      const service = recorder.services.get('BAD');
      assert.equal(service?.instances.length, 1);
      assert.deepEqual(service && serviceProblems(service), []);
      assert.ok(JSON.stringify(service).length < 100_000);
      assert.equal(recorder.services.get('GOOD'), untouched);
      assert.equal(({} as Record<string, unknown>)['a'], undefined);
    });
  }

  it('leaves out applications whose names no service can have, and keeps those apart that only look alike', async () => {
    const names = [
      '',
      'x'.repeat(256),
      'a\u0000',
      'a\r\nb',
      '..',
      '%2e%2f',
      '//',
      '*',
      '__proto__',
      'constructor',
      'ORDERS',
      'orders',
      'ОRDERS',
    ];
    const applications = names.map((name) => JSON.stringify({ name, instance: [instanceJson('X', 'x1')] }));
    const recorder = await start();
    server.full = raw(withApplication(applications.join(), 'UP_15_'));
    server.delta = json(listing({}, 'UP_15_'));
    await recorder.waitFor(({ services }) => services.has('ORDERS'));
    assert.deepEqual([...recorder.services.keys()].sort(), ['GOOD', ...names.slice(4)].sort());
    assert.deepEqual([...recorder.services.values()].flatMap(serviceProblems), []);
  });

  it('takes a delta about what it has never heard of', async () => {
    const recorder = await start();
    const recent = {
      NEW: [instanceJson('NEW', 'n1')],
      UNKNOWN: [instanceJson('UNKNOWN', 'u1', { actionType: 'DELETED' })],
      GOOD: [
        instanceJson('GOOD', 'g9', { actionType: 'DELETED' }),
        instanceJson('GOOD', 'g8', { actionType: 'NONSENSE' }),
      ],
    };
    server.delta = json(listing(recent, 'UP_4_'));
    await recorder.waitFor(({ services }) => services.has('NEW'));
    await server.polled(3);
    assert.equal(recorder.services.has('UNKNOWN'), false);
    assert.deepEqual(
      recorder.services.get('GOOD')?.instances.map(({ id }) => id),
      ['g1', 'g2', 'g8'],
    );
    assert.equal(server.count('full'), 1);
  });

  it('refuses what unpacks to a thousand times its size, and lets nothing go', async () => {
    const recorder = await start();
    const huge = bad({ metadata: { long: 'x'.repeat(16 * megabyte) } });
    server.full = server.delta = gzipped(withApplication(huge));
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.has(''));
    assert.match(recorder.degradedScopes.get('')?.message ?? '', /larger than \d+ bytes/);
    assert.equal(recorder.services.get('GOOD'), untouched);
  });

  it('takes the last of what is given twice, as JSON has it, in a listing as well', async () => {
    const recorder = await start();
    const text = withApplication(bad({})).replace(
      '"apps__hashcode":"UP_3_"',
      '"apps__hashcode":"X","apps__hashcode":"UP_3_"',
    );
    server.full = raw(text);
    server.delta = json(listing({}, 'UP_3_'));
    await recorder.waitFor(({ services }) => services.has('BAD'));
    await server.polled(3);
    assert.equal(server.count('full'), 2);
  });
});
