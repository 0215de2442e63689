import assert from 'node:assert/strict';
import { type Clock, systemClock } from '../../../core/plugin/index.js';
import { ManualClock, SourceRun } from '../../../testkit/index.js';
import { type DnsServer, startDnsServer } from '../../servers/dns.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';

const soa = 'test. 60 IN SOA ns.test. admin.test. 1 60 60 60 2';
const zone = (...lines: string[]) => `${[soa, ...lines].join('\n')}\n`;

describe('adapters/dns with a real DNS server', function () {
  this.timeout(60_000);
  let server: DnsServer;
  let run: SourceRun | undefined;

  before(async () => {
    server = await startDnsServer();
  });
  after(() => server?.stop());
  afterEach(async () => {
    for (const name of ['orders.test', 'shop.test', 'a.test']) await server.setFault(name, undefined);
    await run?.stop();
    run = undefined;
  });

  type Names = Parameters<typeof makeSource>[0]['names'];
  const start = (names: Names, more: object = {}) => {
    run = new SourceRun(makeSource({ servers: [server.address], names: names ?? [], ...more }));
    return run.recorder;
  };
  const ids = (name: string) => run?.recorder.services.get(name)?.instances.map(({ id }) => id);
  const until = (name: string, wanted: readonly string[] | undefined) =>
    run?.recorder.waitFor(() => JSON.stringify(ids(name)) === JSON.stringify(wanted), { what: `${name}: ${wanted}` });

  it('publishes all names in one listing, and each change', async () => {
    await server.setZone(
      zone('orders.test. 1 IN A 10.0.0.2', 'orders.test. 1 IN A 10.0.0.1', 'shop.test. 1 IN AAAA 2001:db8::1'),
    );
    const recorder = start([
      { host: 'orders.test', type: 'A', port: 8080 },
      { name: 'shop', host: 'Shop.test.', port: 443, protocol: 'https' },
    ]);
    await recorder.waitFor(({ synced }) => synced);
    assert.equal(recorder.events.find(({ kind }) => kind !== 'degraded')?.kind, 'replaceAll');
    assert.deepEqual(ids('orders.test'), ['10.0.0.1:8080', '10.0.0.2:8080']);
    assert.deepEqual(ids('shop'), ['[2001:db8::1]:443']);
    const shop = recorder.services.get('shop') ?? assert.fail();
    assert.deepEqual({ ...shop.attributes }, { name: 'shop', host: 'shop.test' });
    assert.deepEqual(shop.ports, [{ name: 'https', number: 443, protocol: 'https' }]);
    assert.deepEqual(shop.instances[0]?.ports, { https: 443 });
    await server.setZone(
      zone('orders.test. 1 IN A 10.0.0.3', 'shop.test. 1 IN A 10.0.0.9', 'shop.test. 1 IN AAAA 2001:db8::1'),
    );
    await until('orders.test', ['10.0.0.3:8080']);
    await until('shop', ['10.0.0.9:443', '[2001:db8::1]:443']);
    assert.deepEqual(recorder.problems, []);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('asks again when the TTL is over, within the bounds', async () => {
    await server.setZone(zone('a.test. 2 IN A 10.0.0.1', 'b.test. 3600 IN A 10.0.0.1'));
    const clock = new ManualClock();
    const names = [
      { host: 'a.test', type: 'A' as const, port: 80 },
      { host: 'b.test', type: 'A' as const, port: 80 },
    ];
    const config = { servers: [server.address], names, minIntervalMs: 5000, maxIntervalMs: 60_000 };
    run = new SourceRun(makeSource(config, clock));
    const asked = async (name: string) => (await server.queries())[`udp ${name}. A`] ?? 0;
    await run.recorder.waitFor(({ synced }) => synced);
    const [a, b] = [await asked('a.test'), await asked('b.test')];
    await clock.advance(4900);
    assert.equal(await asked('a.test'), a);
    await clock.advance(700);
    await poll(async () => (await asked('a.test')) === a + 1, { what: 'a to be asked for again' });
    assert.equal(await asked('b.test'), b);
    await clock.untilAsleep(2, AbortSignal.timeout(5000));
    await clock.advance(61_000);
    await poll(async () => (await asked('b.test')) === b + 1, { what: 'b to be asked for again' });
  });

  it('follows aliases and takes the shortest TTL of the chain', async () => {
    await server.setZone(
      zone('orders.test. 3600 IN CNAME one.test.', 'one.test. 1 IN CNAME two.test.', 'two.test. 3600 IN A 10.0.0.1'),
    );
    start([{ host: 'orders.test', port: 80 }], { maxIntervalMs: 3_600_000 });
    await until('orders.test', ['10.0.0.1:80']);
    await server.setZone(
      zone(
        'orders.test. 3600 IN CNAME one.test.',
        'one.test. 1 IN CNAME three.test.',
        'three.test. 3600 IN A 10.0.0.3',
      ),
    );
    await until('orders.test', ['10.0.0.3:80']);
  });

  it('reads SRV: ports, weights, priorities, and the addresses of targets', async () => {
    await server.setZone(
      zone(
        '_http._tcp.orders.test. 1 IN SRV 10 30 8081 one.test.',
        '_http._tcp.orders.test. 1 IN SRV 10 0 8082 two.test.',
        '_http._tcp.orders.test. 1 IN SRV 20 30 8083 three.test.',
        '_http._tcp.orders.test. 1 IN SRV 10 30 8084 none.test.',
        'one.test. 1 IN A 10.0.0.1',
        'one.test. 1 IN AAAA 2001:db8::1',
        'two.test. 1 IN A 10.0.0.2',
        'three.test. 1 IN A 10.0.0.3',
      ),
    );
    const names = [{ name: 'orders', host: '_http._tcp.orders.test', type: 'SRV' as const }];
    const recorder = start(names);
    await recorder.waitFor(({ synced }) => synced);
    const { instances, rejected } = recorder.services.get('orders') ?? assert.fail();
    assert.deepEqual(
      instances.map(({ id, weight, metadata }) => `${id} ${weight} ${metadata['target']} ${metadata['priority']}`),
      [
        '10.0.0.1:8081 30 one.test 10',
        '10.0.0.2:8082 1 two.test 10',
        '10.0.0.3:8083 0 three.test 20',
        '[2001:db8::1]:8081 30 one.test 10',
      ],
    );
    assert.deepEqual(rejected, [{ record: 'none.test', reason: 'the target has no address: NXDOMAIN' }]);
    const records = (await makeSource({ names, servers: [server.address] }).records('orders')) ?? [];
    assert.deepEqual(records, [], 'nothing before it runs');
    await run?.stop();
    start(names, { priorities: 'all' });
    await until('orders', ['10.0.0.1:8081', '10.0.0.2:8082', '10.0.0.3:8083', '[2001:db8::1]:8081']);
    assert.deepEqual(
      run?.recorder.services.get('orders')?.instances.map(({ weight }) => weight),
      [30, 1, 30, 30],
    );
    // RFC 2782: a target of "." says that there is no such service.
    await server.setZone(zone('_http._tcp.orders.test. 1 IN SRV 0 0 0 .'));
    await until('orders', []);
  });

  it('keeps what it knows while servers fail, refuse or are silent, for as long as that lasts', async () => {
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.1', 'shop.test. 1 IN A 10.0.0.2'));
    const recorder = start([
      { host: 'orders.test', type: 'A', port: 80 },
      { host: 'shop.test', type: 'A', port: 80 },
    ]);
    await recorder.waitFor(({ synced }) => synced);
    const losses: string[] = [];
    const stop = recorder.onEvent(({ kind }) => {
      if (ids('orders.test')?.length !== 1) losses.push(kind);
    });
    for (const [fault, said] of [
      ['servfail', /SERVFAIL/],
      ['refused', /REFUSED/],
      ['silent', /no answer within 300 ms/],
    ] as const) {
      await server.setFault('orders.test', fault);
      await recorder.waitFor(() => said.test(String(recorder.degradedScopes.get('orders.test')?.message)), {
        what: fault,
      });
      // Longer than the time after which "there is nothing" is believed.
      const untilMs = Date.now() + 1000;
      await poll(() => Date.now() > untilMs);
      assert.equal(recorder.degradedScopes.has('shop.test'), false, 'the other name is as it was');
      await server.setFault('orders.test', undefined);
      await recorder.waitFor(() => recorder.degradedScopes.size === 0, { what: `the end of ${fault}` });
    }
    stop();
    assert.deepEqual(losses, []);
  });

  for (const [what, text] of [
    ['does not exist any more', zone()],
    ['has no such records any more', zone('orders.test. 1 IN TXT "x"')],
  ] as const) {
    it(`believes after a time that a name ${what}, and its return at once`, async () => {
      const good = zone('orders.test. 1 IN A 10.0.0.1');
      await server.setZone(good);
      const recorder = start([{ host: 'orders.test', type: 'A', port: 80 }]);
      await until('orders.test', ['10.0.0.1:80']);
      await server.setZone(text);
      await recorder.waitFor(() => recorder.degradedScopes.has('orders.test'), { what: 'the doubt' });
      assert.deepEqual(ids('orders.test'), ['10.0.0.1:80']);
      assert.match(String(recorder.degradedScopes.get('orders.test')?.message), /NXDOMAIN|NODATA/);
      await server.setZone(good);
      await recorder.waitFor(() => recorder.degradedScopes.size === 0, { what: 'the end of the doubt' });
      assert.deepEqual(ids('orders.test'), ['10.0.0.1:80']);
      await server.setZone(text);
      await until('orders.test', []);
      assert.equal(recorder.degradedScopes.size, 0);
      assert.match(recorder.services.get('orders.test')?.rejected?.[0]?.reason ?? '', /NXDOMAIN|NODATA/);
      await server.setZone(good);
      await until('orders.test', ['10.0.0.1:80']);
    });
  }

  const orders = { host: 'orders.test', type: 'A', port: 80 } as const;
  const shop = { host: 'shop.test', type: 'A', port: 80 } as const;

  it('publishes the others with no claim to be complete until each name is known, and says which is not', async () => {
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.1', 'shop.test. 1 IN A 10.0.0.2'));
    await server.setFault('shop.test', 'servfail');
    const recorder = start([orders, shop]);
    await recorder.waitFor(({ degradedScopes, services }) => degradedScopes.has('shop.test') && services.size === 1);
    assert.equal(recorder.synced, false);
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.9', 'shop.test. 1 IN A 10.0.0.2'));
    await until('orders.test', ['10.0.0.9:80']);
    assert.equal(recorder.synced, false);
    await server.setFault('shop.test', undefined);
    await recorder.waitFor(({ synced }) => synced);
    assert.deepEqual([...recorder.services.keys()], ['orders.test', 'shop.test']);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('is complete without a name that never is known, after a time', async () => {
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.1'));
    await server.setFault('shop.test', 'servfail');
    const sleep: Clock['sleep'] = (ms, signal) => systemClock.sleep(ms > 60_000 ? 1000 : ms, signal);
    const names = { servers: [server.address], names: [orders, shop] };
    run = new SourceRun(makeSource(names, { now: () => systemClock.now(), sleep }));
    const { recorder } = run;
    await recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.has('shop.test'));
    assert.deepEqual([...recorder.services.keys()], ['orders.test']);
  });

  it('keeps what was published of a name before a restart, and lets all else go that has gone', async () => {
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.1', 'shop.test. 1 IN A 10.0.0.2', 'a.test. 1 IN A 10.0.0.3'));
    const before = start([orders, shop, { ...shop, host: 'a.test' }]);
    await before.waitFor(({ synced }) => synced);
    await run?.stop();

    await server.setFault('shop.test', 'servfail');
    run = new SourceRun(makeSource({ servers: [server.address], names: [orders, shop] }), before.services.values());
    const { recorder } = run;
    await recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.has('shop.test'));
    assert.deepEqual(
      [ids('orders.test'), ids('shop.test'), ids('a.test')],
      [['10.0.0.1:80'], ['10.0.0.2:80'], undefined],
    );
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.1', 'shop.test. 1 IN A 10.0.0.7'));
    await server.setFault('shop.test', undefined);
    await until('shop.test', ['10.0.0.7:80']);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('asks over TCP for an answer that is too long for UDP', async () => {
    const lines = Array.from({ length: 300 }, (_, index) => `orders.test. 1 IN A 10.1.${index >> 8}.${index & 255}`);
    await server.setZone(zone(...lines));
    start([{ host: 'orders.test', type: 'A', port: 80 }]);
    await run?.recorder.waitFor(() => ids('orders.test')?.length === 300, { what: '300 instances' });
    assert.ok(((await server.queries())['tcp orders.test. A'] ?? 0) > 0);
  });

  it('asks the next server when one is away', async () => {
    await server.setZone(zone('orders.test. 1 IN A 10.0.0.1'));
    // Nobody listens there, and the system says so.
    start([{ host: 'orders.test', type: 'A', port: 80 }], { servers: ['127.0.0.1:1', server.address] });
    await until('orders.test', ['10.0.0.1:80']);
    assert.equal(run?.recorder.degradedScopes.size, 0);
  });

  it('leaves out addresses that nobody may be sent to, alone', async () => {
    await server.setZone(
      zone('orders.test. 1 IN A 169.254.169.254', 'orders.test. 1 IN A 0.0.0.0', 'orders.test. 1 IN A 10.0.0.1'),
    );
    start([{ host: 'orders.test', type: 'A', port: 80 }]);
    await until('orders.test', ['10.0.0.1:80']);
    assert.equal(run?.recorder.services.get('orders.test')?.rejected?.length, 2);
  });

  it('survives a server that is killed and comes back with nothing, and with its zone', async () => {
    const good = zone('orders.test. 1 IN A 10.0.0.1');
    await server.setZone(good);
    const recorder = start([{ host: 'orders.test', type: 'A', port: 80 }], { negativeGraceMs: 60_000 });
    await until('orders.test', ['10.0.0.1:80']);
    await server.kill();
    await recorder.waitFor(() => recorder.degradedScopes.size > 0, { what: 'the outage' });
    await server.start();
    await recorder.waitFor(() => /NXDOMAIN/.test(String(recorder.degradedScopes.get('orders.test')?.message)), {
      what: 'the empty server',
      deadlineMs: 30_000,
    });
    assert.deepEqual(ids('orders.test'), ['10.0.0.1:80']);
    await server.setZone(good);
    await recorder.waitFor(() => recorder.degradedScopes.size === 0, { what: 'the zone', deadlineMs: 30_000 });
    assert.deepEqual(ids('orders.test'), ['10.0.0.1:80']);
  });
});
