import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Engine } from '../../core/engine/engine.js';
import { QuarantineDesk } from '../../core/operate/quarantine-desk.js';
import { quarantineRoutes } from '../../core/operate/quarantine-routes.js';
import { Quarantine } from '../../core/shape/quarantine.js';
import { QuarantineFile } from '../../core/shape/quarantine-file.js';
import { Shaper } from '../../core/shape/shaper.js';
import { type PuppetEngine, startEngine } from '../core/engine/puppet.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { anInstance, aService } from '../support/model.js';
import { poll } from '../support/poll.js';
import { runCli } from './run-cli.js';

describe('isthmus quarantine', () => {
  let dir: string;
  let puppet: PuppetEngine;
  let quarantine: Quarantine;
  let desk: QuarantineDesk;
  let test: TestApi;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-quarantine-'));
    quarantine = new Quarantine();
    const shaper = new Shaper({ rules: [], addresses: new Map(), quarantine });
    puppet = startEngine(['zk'], { shape: (...of) => shaper.shape(...of), onTick: (nowMs) => desk.tick(nowMs) });
    const { engine, clock } = puppet;
    desk = aDesk(engine, join(dir, 'quarantine.json'), quarantine);
    test = await startApi({}, (api) => {
      for (const route of quarantineRoutes(desk, clock)) api.routes.add(route);
    });
    const instances = [
      anInstance('a', { address: '10.0.0.1' }),
      anInstance('b', { address: '10.0.0.2', metadata: { v: '2' } }),
    ];
    puppet.sources[0]?.out?.replaceAll([aService('orders', instances)]);
    await poll(() => shown().length === 2, { what: 'the listing' });
  });
  afterEach(async () => {
    await test.api.stop();
    await puppet.end();
    await rm(dir, { recursive: true });
  });

  const aDesk = (engine: Engine, path: string, entries: Quarantine) =>
    new QuarantineDesk({
      quarantine: entries,
      file: new QuarantineFile(path),
      clock: puppet.clock,
      logger: pino({ level: 'silent' }),
      reshape: (cause) => engine.reshape(cause),
      services: () =>
        [...(engine.units[0]?.guarded.services.values() ?? [])].map((service) => ['zk', service] as const),
    });
  const shown = () =>
    puppet.engine.catalog
      .snapshot()
      .services.get('orders.mesh')
      ?.origins[0]?.instances.map(({ id }) => id) ?? [];
  const cli = (...args: string[]) => runCli(['quarantine', ...args], { env: { ISTHMUS_SERVER: test.url } });

  it('says what it would do, does it, shows it and takes it back', async () => {
    const dry = await cli('add', '10.0.0.0/31', '--reason', 'bad disk', '--dry-run');
    assert.equal(dry.stdout, '1 instances would be out of traffic\n  zk orders a\n');
    assert.deepEqual(shown(), ['a', 'b']);
    const added = await cli('add', '10.0.0.0/31', '--reason', 'bad disk');
    const id = /^([0-9a-f]{8}): 1 instances are out of traffic\n/.exec(added.stdout)?.[1] ?? '';
    await poll(() => shown().join() === 'b', { what: 'a to be out' });
    assert.match(
      (await cli('list')).stdout,
      new RegExp(`^ID .*\\n${id} +\\* +\\* +10\\.0\\.0\\.0/31 +- +1 +never +bad disk\\n$`),
    );
    assert.equal((await cli('remove', id)).stdout, `quarantine ${id} is over\n`);
    await poll(() => shown().length === 2, { what: 'a to be back' });
    assert.equal((await cli('remove', id)).code, 4);
  });

  it('ends by itself, and is there after a restart until then', async () => {
    await cli('add', '--label', 'v=2', '--for', '1h', '--reason', 'broken build');
    await poll(() => shown().join() === 'a', { what: 'b to be out' });
    const again = new Quarantine();
    await aDesk(puppet.engine, join(dir, 'quarantine.json'), again).load();
    assert.deepEqual(again.entries, quarantine.entries);
    await puppet.clock.advance(3_600_000);
    await poll(() => shown().length === 2, { what: 'b to be back' });
    const late = new Quarantine();
    await aDesk(puppet.engine, join(dir, 'quarantine.json'), late).load();
    assert.deepEqual(late.entries, []);
  });

  it('works with a disk that does not, and says that a restart forgets it', async () => {
    await rm(dir, { recursive: true });
    await writeFile(dir, 'a file where the folder was');
    const { code, stderr } = await cli('add', '10.0.0.1', '--reason', 'r');
    assert.equal(code, 0);
    assert.match(stderr, /could not be written to disk/);
    await poll(() => shown().join() === 'b', { what: 'a to be out' });
  });

  it('refuses what would be a surprise', async () => {
    assert.match((await cli('add', '--reason', 'r')).stderr, /give an address or labels/);
    assert.match((await cli('add', '10.0.0.0/99', '--reason', 'r')).stderr, /address: the prefix of a CIDR block/);
    assert.equal((await cli('add', '10.0.0.1')).code, 2);
    assert.match((await cli('add', '--label', 'nonsense', '--reason', 'r')).stderr, /expected KEY=GLOB/);
    assert.deepEqual(quarantine.entries, []);
  });
});
