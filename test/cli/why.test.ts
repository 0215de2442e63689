import assert from 'node:assert/strict';
import { HostTemplate } from '../../core/catalog/host-template.js';
import { Naming } from '../../core/catalog/naming.js';
import { Why } from '../../core/operate/why.js';
import { whyRoutes } from '../../core/operate/why-routes.js';
import { AddressSet } from '../../core/shape/address-set.js';
import { Quarantine } from '../../core/shape/quarantine.js';
import { Shaper } from '../../core/shape/shaper.js';
import type { Sink, SinkExplanation } from '../../core/sink/sink.js';
import { type PuppetEngine, startEngine } from '../core/engine/puppet.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { anInstance, aService } from '../support/model.js';
import { poll } from '../support/poll.js';
import { runCli } from './run-cli.js';

const explanation: SinkExplanation = {
  resources: [{ name: 'legacy/orders.mesh', version: 'v1' }],
  refused: ['a label is too long'],
  leftOut: [],
  clients: [{ peer: '127.0.0.1:9', node: 'istiod-1', state: 'acked' }],
};
const sink: Sink = {
  run: async () => undefined,
  status: () => ({ ready: true }),
  explain: (host) => (host === 'orders.mesh' ? explanation : undefined),
};

describe('isthmus why', () => {
  let puppet: PuppetEngine;
  let test: TestApi;

  beforeEach(async () => {
    const template = new HostTemplate('{name}.mesh');
    const naming = new Naming([], new Map(['zk', 'eureka'].map((name) => [name, template])));
    const quarantine = new Quarantine([
      { id: 'q1', address: '10.0.0.9', reason: 'bad disk', sinceMs: 0, from: 'operator' },
    ]);
    const policy = { allow: new AddressSet([]), deny: new AddressSet([]), loopback: false };
    const rules = [{ exclude: [{ service: 'hidden' }] }];
    const shaper = new Shaper({ rules, addresses: new Map([['zk', policy]]), quarantine });
    puppet = startEngine(['zk', 'eureka'], {
      naming,
      shape: (...of) => shaper.shape(...of),
      policyOf: () => ({ mode: 'refuse' }),
    });
    const { engine } = puppet;
    const why = new Why({
      units: engine.units,
      catalog: engine.catalog,
      naming,
      shaper,
      sinks: [{ name: 'mcp', kind: 'mcp', sink }],
    });
    test = await startApi({}, ({ routes }) => {
      for (const route of whyRoutes(why)) routes.add(route);
    });
    const many = Array.from({ length: 8 }, (_, index) => anInstance(`i${index}`, { address: `10.0.0.${index + 1}` }));
    const rejected = [{ record: 'dubbo://?', reason: 'it has no host' }];
    puppet.sources[0]?.out?.replaceAll([
      {
        ...aService('orders', [
          ...many,
          anInstance('i9', { address: '10.0.0.9' }),
          anInstance('lo', { address: '127.0.0.1' }),
        ]),
        rejected,
      },
      aService('hidden', [anInstance('h', { address: 'h.corp', metadata: { v: '1' } })]),
      aService('orders!', [anInstance('twin', { address: '10.7.0.1' })]),
    ]);
    puppet.sources[1]?.out?.replaceAll([aService('orders', [anInstance('e', { address: '10.8.0.1' })])]);
    await poll(() => engine.catalog.size === 2 && engine.catalog.published('orders.mesh')?.origins.length === 2, {
      what: 'the listing',
    });
  });
  afterEach(async () => {
    await test.api.stop();
    await puppet.end();
  });

  const puppetSource = () => {
    const [source] = puppet.sources;
    assert.ok(source);
    return source;
  };
  const why = (...args: string[]) => runCli(['why', ...args], { env: { ISTHMUS_SERVER: test.url } });

  it('tells of an endpoint that is published, down to the clients', async () => {
    puppetSource().onRecords = async () => [
      { id: '/dubbo/a', instance: 'i0', revision: '7', text: 'dubbo://10.0.0.1:8080' },
      { id: '/dubbo/b', instance: 'i1', text: 'other' },
    ];
    const { stdout } = await why('10.0.0.1:8080');
    assert.match(
      stdout,
      /^zk {2}orders {2}i0\n {2}registry +fresh for \S+\n +\/dubbo\/a {2}\(revision 7\)\n +dubbo:\/\/10\.0\.0\.1:8080\n {2}reported +healthy, weight 100, 10\.0\.0\.1 http=8080\n {2}guard +let through\n {2}shape +kept\n {2}naming +orders\.mesh\n {2}merge /,
    );
    assert.match(stdout, /eureka {2}orders: 1 instances, merged out\n/);
    assert.match(stdout, /published +orders\.mesh, version \S{22}\n/);
    assert.match(
      stdout,
      /sink mcp +legacy\/orders\.mesh, version v1\n +the newest state is not served: a label is too long\n/,
    );
    assert.match(stdout, /client istiod-1 \(127\.0\.0\.1:9\): acked\n$/);
  });

  it('tells what shaping left out, and why', async () => {
    assert.match((await why('10.0.0.9')).stdout, /shape +left out\n +quarantined \(q1\): bad disk\n/);
    assert.match((await why('127.0.0.1:8080')).stdout, /shape +left out\n +the address is loopback/);
    const hidden = (await why('h.corp:8080')).stdout;
    assert.match(hidden, /shape +left out\n +an exclude rule selects it\n/);
    assert.match(hidden, /published +hidden\.mesh is not in the catalog\n/);
    assert.match((await why('hidden.mesh')).stdout, /^zk {2}hidden\n/);
  });

  it('tells what a guard holds', async () => {
    puppet.sources[0]?.out?.upsert(aService('orders', []));
    await poll(() => (puppet.engine.units[0]?.holds().length ?? 0) > 0, { what: 'the hold' });
    const { stdout } = await why('10.0.0.1');
    assert.match(stdout, /reported +not any more\n/);
    assert.match(stdout, /guard +let through\n +held by mass-loss for \S+, ends in \S+: /);
  });

  it('tells what is left out and what is held of each of very many instances', async () => {
    const many = (network: string) =>
      Array.from({ length: 200 }, (_, index) => anInstance(`n${index}`, { address: `${network}.${index + 1}` }));
    const [source] = puppet.sources;
    source?.out?.upsert(aService('local', many('127.1.1')));
    source?.out?.upsert(aService('large', many('10.9.9')));
    await poll(() => puppet.engine.catalog.published('large.mesh') !== undefined, { what: 'the services' });
    assert.match((await why('127.1.1.200')).stdout, /shape +left out\n +the address is loopback/);
    source?.out?.upsert(aService('large', []));
    await poll(() => (puppet.engine.units[0]?.holds().length ?? 0) > 0, { what: 'the hold' });
    assert.match((await why('10.9.9.200')).stdout, /guard +let through\n +held by mass-loss/);
    const report = JSON.parse((await why('10.9.9.200', '-o', 'json')).stdout);
    assert.deepEqual(report.chains[0].guard.holds[0].instances, ['n199']);
  });

  it('tells of a host: all that has a part in it, and what was left out', async () => {
    const { stdout } = await why('ORDERS.mesh');
    assert.match(stdout, /^zk {2}orders\n/);
    assert.match(stdout, /left out: it has no host \(dubbo:\/\/\?\)\n/);
    assert.match(stdout, /\n\neureka {2}orders\n/);
    const reasons = puppet.engine.catalog.problems().map(({ reason }) => reason);
    const twin = / published as (\S+) /.exec(reasons.join(' ').concat(' '))?.[1] ?? '';
    const { stdout: ofTwin } = await why(twin);
    assert.match(ofTwin, /^zk {2}orders!\n/);
    assert.match(ofTwin, /published +orders-[0-9a-f]{8}\.mesh, version/);
  });

  it('tells when the registry cannot be asked, and when nobody knows the target', async () => {
    puppetSource().onRecords = () => Promise.reject(new Error('connection refused'));
    assert.match((await why('10.0.0.1')).stdout, /its records cannot be read: connection refused\n/);
    const unknown = await why('10.200.0.1');
    assert.equal(unknown.code, 4);
    assert.match(unknown.stderr, /no source has/);
    assert.match((await why('10.0.0.1', '-o', 'json')).stdout, /"source": "zk"/);
    for (const odd of [
      '',
      ' ',
      ':80',
      '[::1',
      '[::1]:8o',
      '::1%eth0',
      '../..',
      '\u0000',
      'a'.repeat(301),
      '10.0.0.1:99999',
    ]) {
      assert.ok([1, 4].includes((await why(odd)).code), JSON.stringify(odd));
    }
  });

  it('explain: shows what the sinks make of a host alone, each host once', async () => {
    const explain = (...args: string[]) => runCli(['explain', ...args], { env: { ISTHMUS_SERVER: test.url } });
    const { code, stdout } = await explain('orders.mesh');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^orders\.mesh\n {2}version \S+, ports \S+\n {2}sink mcp \(mcp\)\n {4}legacy\/orders\.mesh, version v1\n {4}the newest state is not served: a label is too long\n {4}client istiod-1 \(127\.0\.0\.1:9\): acked\n$/,
    );
    const { items } = JSON.parse((await explain('orders.mesh', '-o', 'json')).stdout) as { items: { host: string }[] };
    assert.deepEqual(
      items.map(({ host }) => host),
      ['orders.mesh'],
    );
    assert.equal((await explain('nobody.mesh')).code, 4);
  });
});
