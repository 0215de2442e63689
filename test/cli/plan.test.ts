import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sourceRoutes } from '../../core/operate/source-routes.js';
import { type PuppetEngine, startEngine } from '../core/engine/puppet.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { anInstance, aService } from '../support/model.js';
import { poll } from '../support/poll.js';
import { runCli } from './run-cli.js';

const base = `site: a
sources:
  - { name: nacos-hz, kind: nacos, servers: ["http://n:1"] }
  - { name: nacos-bj, kind: nacos, servers: ["http://n:2"] }
`;

describe('isthmus plan', () => {
  let dir: string;
  let puppet: PuppetEngine;
  let test: TestApi;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-plan-'));
    puppet = startEngine(['nacos-hz', 'nacos-bj']);
    const quarantined = { id: 'q', address: '10.9.9.9', reason: 'r', sinceMs: 0, from: 'operator', matches: 0 };
    test = await startApi({ catalog: puppet.engine.catalog, sources: () => puppet.engine.statuses() }, ({ routes }) => {
      for (const route of sourceRoutes(puppet.engine)) routes.add(route);
      routes.add({
        method: 'GET',
        path: '/api/v1/quarantine',
        handle: () => ({ status: 200, body: { items: [quarantined] } }),
      });
    });
    const instances = [anInstance('a', { metadata: { v: '1' } }), anInstance('b', { address: '10.0.0.2' })];
    puppet.sources[0]?.out?.replaceAll([
      aService('orders', instances),
      aService('pay', instances),
      aService('gone-test'),
    ]);
    puppet.sources[1]?.out?.replaceAll([aService('pay', [anInstance('c', { address: '10.0.0.3' })])]);
    await poll(() => puppet.engine.catalog.size === 3 && puppet.engine.catalog.isReady, { what: 'the listing' });
  });
  afterEach(async () => {
    await test.api.stop();
    await puppet.end();
    await rm(dir, { recursive: true });
  });

  async function plan(extra: string, ...args: string[]) {
    const file = join(dir, 'new.yaml');
    await writeFile(file, extra);
    return runCli(['plan', '--config', file, ...args], { env: { ISTHMUS_SERVER: test.url } });
  }

  it('finds nothing where nothing changes', async () => {
    const { code, stdout, stderr } = await plan(base);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
    assert.equal(stderr, 'No changes.\n0 hosts added, 0 changed, 0 removed, 3 unchanged\n');
  });

  it('shows what rules would do, service by service', async () => {
    const rules = `shape: [{ exclude: [{ service: "*-test" }], instanceMetadata: { drop: [v] } }]
quarantine: [{ address: 10.0.0.2, reason: r }]
naming: [{ service: pay, host: "{name}.mesh", aliases: ["{name}.old"] }]
merge: { rules: [{ host: pay.mesh, prefer: [nacos-bj] }] }
`;
    const { stdout, stderr } = await plan(base + rules);
    assert.deepEqual(
      stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4).join('|')),
      [
        'HOST|CHANGE|INSTANCES|PORTS',
        'gone-test.mesh|removed|-|-',
        'orders.mesh|changed|-1 ~1|-',
        'pay.mesh|changed|-1 ~1|-',
        'pay.old|added|+2|80/http',
        '',
      ],
    );
    assert.match(stderr, /1 hosts added, 2 changed, 1 removed, 0 unchanged\n$/);
    assert.match((await plan(base + rules, '-o', 'name')).stdout, /^gone-test\.mesh\norders\.mesh\n/);
  });

  it('says which sources it can say nothing of', async () => {
    const other = base.replace('nacos-bj', 'nacos-new');
    const { stderr, stdout } = await plan(other);
    assert.match(stderr, /nacos-new: new; it was not read yet/);
    assert.match(stderr, /nacos-bj: no longer configured; its services go/);
    assert.match(stdout, /pay\.mesh +changed +-1/);
  });

  it('applies what operators have quarantined at run time, and knows a wrong file', async () => {
    puppet.sources[1]?.out?.replaceAll([aService('pay', [anInstance('c', { address: '10.9.9.9' })])]);
    await poll(
      () => puppet.engine.catalog.snapshot().services.get('pay.mesh')?.origins[1]?.instances[0]?.address === '10.9.9.9',
    );
    assert.match((await plan(base)).stdout, /pay\.mesh +changed +-1/);
    const wrong = await plan('site: a\nsources: [{ name: b, kind: nacos }]\n');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /sources\[0\]\.servers: missing/);
  });
});
