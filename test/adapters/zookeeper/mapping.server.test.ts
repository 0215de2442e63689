import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Recorder } from '../../../testkit/index.js';
import { type DubboProvider, ECHO_SERVICE, GREETING_SERVICE, startDubboProvider } from '../../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { ZookeeperWriter } from '../../support/zookeeper-writer.js';
import { instanceJson, makeSource, metadataJson, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const other = 'lab.api.Other';
const deadlineMs = 60_000;

describe('the zookeeper source and the mapping of interfaces to applications', function () {
  this.timeout(120_000);
  let server: ZookeeperServer;
  let writer: ZookeeperWriter;
  let count = 0;
  let root = '';
  let services = '';
  /** Where the applications that are never to be asked would be asked. */
  let asked: Server;
  let questions = 0;
  const sockets = new Set<Socket>();

  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500, superPassword: 'root' });
    writer = await ZookeeperWriter.connect(server.address);
    asked = createServer((socket) => {
      questions++;
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    });
    asked.listen(0, '127.0.0.1');
    await once(asked, 'listening');
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    asked?.close();
    await writer?.close();
    await server?.stop();
  });
  beforeEach(() => {
    count++;
    questions = 0;
    root = `/dubbo${count}`;
    services = `/services${count}`;
  });

  const source = (raw: RawConfig['dubbo'] = {}, watch: 'recursive' | 'classic' = 'recursive', port = server.port) =>
    makeSource([`127.0.0.1:${port}`], {
      watch,
      dubbo: {
        ...{ root, servicesRoot: services, configRoot: `${root}/config`, metadata: { timeoutMs: 500 } },
        ...{ interfaces: { include: [greet] }, ...raw },
      },
    });
  const mapping = (name: string) => `${root}/mapping/${name}`;
  const instances = (recorder: Recorder) =>
    recorder.services.get(`${greet}::`)?.instances.map(({ address }) => address);
  const untilInstances = (recorder: Recorder, expected: string[]) =>
    recorder.waitFor(() => JSON.stringify(instances(recorder)) === JSON.stringify(expected), {
      what: `${expected}`,
      deadlineMs,
    });
  /** An application whose metadata are in the report. */
  async function provide(app: string, address: string, interfaces: readonly string[]): Promise<void> {
    const report = `${root}/metadata/${app}/r1`;
    if ((await writer.read(report)) === undefined) await writer.create(report, metadataJson(app, 'r1', interfaces));
    await writer.create(`${services}/${app}/${address}:1`, instanceJson(app, `${address}:1`, 'r1'));
  }
  /** One that is to be asked itself, which nobody is to do. */
  const mute = (app: string, port = 1) =>
    writer.create(
      `${services}/${app}/127.0.0.1:${port}`,
      instanceJson(app, `127.0.0.1:${port}`, 'r1', { metadataPort: (asked.address() as AddressInfo).port }),
    );

  for (const watch of ['recursive', 'classic'] as const) {
    it(`passes over who provides nothing that is wanted, until it does (${watch})`, async () => {
      await writer.create(mapping(greet), 'shop');
      await writer.create(mapping(other), 'shop,late,mute');
      await provide('shop', '10.0.0.1', [greet, other]);
      // The mapping says less of this one than it provides.
      await provide('late', '10.0.0.2', [greet, other]);
      await provide('unmapped', '10.0.0.3', [greet]);
      await mute('mute');
      const started = source({}, watch);
      await withRun(started, async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced, { deadlineMs });
        assert.deepEqual(instances(recorder), ['10.0.0.1', '10.0.0.3']);
        // What changes of those that are passed over changes nothing.
        await mute('mute', 2);
        await writer.create(`${services}/late/10.0.0.22:1`, instanceJson('late', '10.0.0.22:1', 'r1'));
        await provide('unmapped-too', '10.0.0.4', [greet]);
        await untilInstances(recorder, ['10.0.0.1', '10.0.0.3', '10.0.0.4']);
        const report = await started.audit(new AbortController().signal);
        assert.equal(report.differences, 0);

        await writer.write(mapping(greet), 'shop,late');
        await untilInstances(recorder, ['10.0.0.1', '10.0.0.22', '10.0.0.2', '10.0.0.3', '10.0.0.4']);
        // A mapping that forgets somebody takes nothing away.
        await writer.write(mapping(greet), 'shop');
        await provide('shop', '10.0.0.5', [greet, other]);
        await untilInstances(recorder, ['10.0.0.1', '10.0.0.22', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']);
        assert.equal(questions, 0);
        assert.equal(recorder.degradedScopes.size, 0);
        assert.equal(recorder.notices.has('unreadable-mapping'), false);

        // Nothing says any more what it provides.
        await writer.remove(mapping(other));
        await recorder.waitFor(() => recorder.degradedScopes.has('metadata of application mute'), { deadlineMs });
        assert.ok(questions > 0);
      });
    });
  }

  it('sees a mapping that is new', async () => {
    await writer.create(mapping(other), 'late');
    await provide('late', '10.0.0.2', [greet, other]);
    for (const watch of ['recursive', 'classic'] as const) {
      await withRun(source({}, watch), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced, { deadlineMs });
        assert.equal(recorder.services.size, 0);
        await writer.create(mapping(greet), 'late');
        await untilInstances(recorder, ['10.0.0.2']);
      });
      await writer.remove(mapping(greet));
    }
  });

  it('follows everybody when it cannot be read, or is not to be used, or nothing is left out', async () => {
    const owner = await DubboRegistryWriter.connect(server.address, 'super:root');
    try {
      await writer.create(mapping(greet), 'shop');
      await writer.create(mapping(other), 'late');
      await provide('late', '10.0.0.2', [greet, other]);
      for (const raw of [
        { mapping: false },
        { interfaces: {} },
        { interfaces: { exclude: ['none'] }, mapping: false },
      ]) {
        await withRun(source(raw), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced, { deadlineMs });
          assert.deepEqual(instances(recorder), ['10.0.0.2'], JSON.stringify(raw));
        });
      }
      for (const path of [mapping(greet), `${root}/mapping`]) {
        await owner.setAccess(path, { scheme: 'digest', id: 'a:b' });
        await withRun(source(), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced, { deadlineMs });
          assert.deepEqual(instances(recorder), ['10.0.0.2'], path);
          assert.match(recorder.notices.get('unreadable-mapping') ?? '', /no right/);
        });
        await owner.setAccess(path, 'open');
      }
    } finally {
      await owner.close();
    }
  });

  it('keeps over a new connection what it passed over, and what it followed', async () => {
    await writer.create(mapping(greet), 'shop');
    await writer.create(mapping(other), 'shop,mute');
    await provide('shop', '10.0.0.1', [greet, other]);
    await mute('mute');
    const proxy = await TcpProxy.start(server);
    try {
      await withRun(source({}, 'recursive', proxy.port), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced, { deadlineMs });
        proxy.refuse();
        proxy.drop();
        await recorder.waitFor(() => recorder.degradedScopes.size > 0, { deadlineMs });
        await writer.write(mapping(greet), 'nobody');
        await provide('shop', '10.0.0.2', [greet, other]);
        proxy.pass();
        await untilInstances(recorder, ['10.0.0.1', '10.0.0.2']);
        await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs });
        assert.equal(questions, 0);
      });
    } finally {
      await proxy.close();
    }
  });

  describe('that Dubbo 3.3 writes', () => {
    let provider: DubboProvider;

    beforeEach(async () => {
      [root, services] = ['/dubbo', '/services'];
      const registry = `zookeeper://${server.address}?zk.session.expire=20000`;
      const named = { application: 'real-shop', group: 'g1', serviceVersion: '1.0.0' };
      provider = await startDubboProvider({ registry, ...named, registerMode: 'instance', metadataType: 'local' });
    });
    afterEach(() => provider?.stop());

    it('asks it for an interface that it provides, and for no other', async () => {
      const started = source({ interfaces: { include: [GREETING_SERVICE] } });
      await withRun(started, async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced, { deadlineMs });
        assert.deepEqual([...recorder.services.keys()], [`${GREETING_SERVICE}:1.0.0:g1`]);
        const records = await started.records(`${GREETING_SERVICE}:1.0.0:g1`, new AbortController().signal);
        const said = records.find(({ id }) => id === `/dubbo/mapping/${GREETING_SERVICE}`);
        assert.equal(said?.text, 'real-shop');
        assert.match(said?.revision ?? '', /^mzxid 0x/);
      });
      // It would not answer.
      await provider.pause();
      try {
        await withRun(source({ interfaces: { exclude: [GREETING_SERVICE, ECHO_SERVICE] } }), async ({ recorder }) => {
          await recorder.waitFor(() => recorder.synced, { deadlineMs });
          assert.equal(recorder.degradedScopes.size, 0);
          for (const name of [GREETING_SERVICE, ECHO_SERVICE]) await writer.remove(mapping(name));
          await recorder.waitFor(() => recorder.degradedScopes.has('metadata of application real-shop'), {
            deadlineMs,
          });
        });
      } finally {
        await provider.resume();
      }
    });
  });
});
