import assert from 'node:assert/strict';
import { guardRoutes } from '../../core/operate/guard-routes.js';
import { sourceRoutes } from '../../core/operate/source-routes.js';
import { type PuppetEngine, startEngine } from '../core/engine/puppet.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { anInstance, aService } from '../support/model.js';
import { poll } from '../support/poll.js';
import { runCli } from './run-cli.js';

describe('isthmus guard and audit', () => {
  let puppet: PuppetEngine;
  let test: TestApi;

  beforeEach(async () => {
    puppet = startEngine(['nacos-hz', 'zk']);
    const routes = [...guardRoutes(puppet.engine, puppet.clock), ...sourceRoutes(puppet.engine)];
    test = await startApi({ sources: () => puppet.engine.statuses() }, (api) => {
      for (const route of routes) api.routes.add(route);
    });
  });
  afterEach(async () => {
    await test.api.stop();
    await puppet.end();
  });

  const cli = (...args: string[]) => runCli(args, { env: { ISTHMUS_SERVER: test.url } });
  const many = (count: number) => Array.from({ length: count }, (_, index) => anInstance(`i${index}`));

  async function loseOrders(): Promise<void> {
    const out = puppet.sources[0]?.out;
    out?.replaceAll([aService('orders', many(10)), aService('pay', many(2))]);
    await poll(() => puppet.engine.catalog.size === 2, { what: 'the listing' });
    out?.replaceAll([aService('pay', many(2))]);
    await poll(() => (puppet.engine.units[0]?.holds().length ?? 0) > 0, { what: 'the hold' });
  }

  it('shows what is held, and releases it', async () => {
    assert.deepEqual(await cli('guard', 'list'), { code: 0, stdout: '', stderr: 'No holds found.\n' });
    await loseOrders();
    const { stdout } = await cli('guard', 'list');
    assert.match(stdout, /^SOURCE +SERVICE +GUARD +INSTANCES +AGE +ENDS +REASON\nnacos-hz +orders +mass-loss +10 +/);
    assert.match(stdout, /10 of 12 instances \(83 %\) gone within 60 s, more than 15 %\n$/);
    assert.equal((await cli('guard', 'list', 'zk')).stdout, '');
    assert.match((await cli('guard', 'list', '-o', 'json')).stdout, /"guard": "mass-loss"/);
    const released = await cli('guard', 'release', 'nacos-hz', 'ord*', '--by', 'anna');
    assert.deepEqual(released, { code: 0, stdout: 'released 1 services and 0 orders to hold\n', stderr: '' });
    await poll(() => puppet.engine.catalog.size === 1, { what: 'the loss to go through' });
  });

  it('takes a bounded number of orders to hold', async () => {
    const order = (service: string) => cli('guard', 'hold', 'zk', service, '--for', '1h');
    for (let index = 0; index < 1000; index++) {
      puppet.engine.units[1]?.guarded.freeze({ service: `s${index}`, reason: 'r', sinceMs: 0, untilMs: Infinity });
    }
    assert.equal((await order('s7')).code, 0, 'one that is there already may be changed');
    const refused = await order('another');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /1000 orders to hold already/);
  });

  it('holds at an operator’s word and shows the order', async () => {
    const out = puppet.sources[1]?.out;
    out?.replaceAll([aService('one', many(1))]);
    await poll(() => puppet.engine.catalog.size === 1, { what: 'the listing' });
    assert.equal((await cli('guard', 'hold', 'zk', '--for', '30m', '--reason', 'move')).code, 0);
    out?.replaceAll([]);
    await poll(() => (puppet.engine.units[1]?.holds().length ?? 0) > 0, { what: 'the hold' });
    const { stdout, stderr } = await cli('guard', 'list');
    assert.match(stdout, /zk +one +operator +1 .*move/);
    assert.match(stderr, /zk: losses of \* are held for .*: move\n/);
    assert.match((await cli('guard', 'release', 'zk')).stdout, /released 1 services and 1 orders/);
  });

  it('says what is wrong with a command', async () => {
    assert.equal((await cli('guard', 'release', 'nobody')).code, 4);
    assert.match((await cli('guard', 'hold', 'zk', '--for', 'ever')).stderr, /expected a duration, as 90s/);
    assert.equal((await cli('guard', 'hold', 'zk', '--for', '99d')).code, 1);
    const bad = await fetch(`${test.url}/api/v1/guards/release`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"source":"zk","service":7,"extra":1}',
    });
    assert.equal(bad.status, 400);
    assert.match(await bad.text(), /service: .*body: /);
  });

  it('audits all sources, and fails when one cannot be', async () => {
    for (const source of puppet.sources) source.out?.replaceAll([]);
    const [first, second] = puppet.sources;
    assert.ok(first && second);
    const found = [{ service: 'a\nb', detail: 'instance 1 was missed' }];
    first.onAudit = async () => ({ compared: 3, differences: 1, found });
    const { code, stdout, stderr } = await cli('audit');
    assert.equal(code, 1);
    assert.equal(stdout, 'nacos-hz: 3 services compared, 1 differences\n  a\\u000ab: instance 1 was missed\n');
    assert.match(stderr, /zk: .* answered 409: the registry is away/);
    second.onAudit = async () => ({ compared: 0, differences: 0, found: [] });
    assert.equal((await cli('audit', 'zk')).stdout, 'zk: 0 services compared, 0 differences\n');
    assert.equal((await cli('audit', 'nobody')).code, 4);
  });

  it('gives what guards let through in pages, and the consumers and rules', async () => {
    const services = Array.from({ length: 1201 }, (_, index) => aService(`s${String(index).padStart(4, '0')}`));
    const rule = { id: '/r', kind: 'tag', scope: 'shop', enabled: true, effect: 'carried' as const, text: 'x' };
    puppet.sources[0]?.out?.replaceAll([...services.slice(1), { ...aService('s0000'), rules: [rule] }]);
    puppet.sources[0]?.out?.consumers('s0001', [{ id: 'c', application: 'shop', address: '', metadata: {} }]);
    await poll(() => puppet.engine.catalog.size === services.length, { what: 'the listing' });
    const names: string[] = [];
    let next: string | undefined;
    do {
      const query = next === undefined ? '' : `?continue=${next}`;
      const page = (await (await fetch(`${test.url}/api/v1/sources/nacos-hz/services${query}`)).json()) as {
        items: { name: string }[];
        continue?: string;
      };
      names.push(...page.items.map(({ name }) => name));
      next = page.continue;
    } while (next !== undefined);
    assert.deepEqual(
      names,
      services.map(({ name }) => name),
    );
    const json = async (path: string) =>
      (await (await fetch(`${test.url}${path}`)).json()) as { items: object[]; total: number };
    assert.deepEqual((await json('/api/v1/consumers')).items, [
      { source: 'nacos-hz', service: 's0001', id: 'c', application: 'shop', address: '', metadata: {} },
    ]);
    assert.match((await cli('get', 'consumers', 's00*', '--source', 'nacos-hz')).stdout, /nacos-hz +s0001 +shop +-\n$/);
    assert.equal((await cli('get', 'consumers', 'other')).stdout, '');
    assert.match((await cli('get', 'rules', '-o', 'wide')).stdout, /s0000 +tag +yes +carried +- +\/r +x\n$/);
    assert.deepEqual((await json('/api/v1/rules')).items, [{ source: 'nacos-hz', service: 's0000', ...rule }]);
  });
});
