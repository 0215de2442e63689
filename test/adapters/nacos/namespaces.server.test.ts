import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { sharedNacos2, sharedNacos3 } from '../../servers/shared-nacos.js';
import { http } from '../../support/http.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { makeSource } from './make-source.js';

const key = (service: string, namespace: string) => `${namespace}@@DEFAULT_GROUP@@${service}`;

describe('adapters/nacos when the configuration names no namespaces', function () {
  this.timeout(120_000);
  let server: NacosServer;
  let writer: NacosWriter;
  let run: SourceRun | undefined;

  const start = async (startServer: typeof sharedNacos2) => {
    server = await startServer();
    writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
  };
  const read = (config: Readonly<Record<string, unknown>> = {}): Recorder => {
    run = new SourceRun(makeSource({ servers: [`http://${server.address}`], ...config }));
    return run.recorder;
  };

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  describe('on 3.1.0, which lists them', () => {
    before(() => start(sharedNacos3));
    after(async () => {
      writer?.close();
      for (const id of ['gray', 'blue', 'n1', 'n2', 'n3']) {
        await http(`${server.url}/v3/admin/core/namespace?namespaceId=${id}`, { method: 'DELETE' });
      }
    });

    const namespaces = async (method: 'POST' | 'DELETE', query: string) => {
      const answer = await http(`${server.url}/v3/admin/core/namespace?${query}`, { method });
      assert.equal(answer.status, 200, answer.body);
    };

    it('reads all, those that come later, and none that is gone', async () => {
      await namespaces('POST', 'namespaceId=gray&namespaceName=gray');
      await writer.setVisibly({ service: 'orders', namespace: 'gray' }, [{ ip: '10.0.0.1', port: 80 }]);
      await writer.setVisibly({ service: 'orders' }, [{ ip: '10.0.0.2', port: 80 }]);
      const recorder = read();
      await recorder.waitFor(({ synced }) => synced, { what: 'the first listing', deadlineMs: 30_000 });
      assert.deepEqual([...recorder.services.keys()].sort(), [key('orders', 'gray'), key('orders', 'public')]);

      await namespaces('POST', 'namespaceId=blue&namespaceName=blue');
      await writer.set({ service: 'orders', namespace: 'blue' }, [{ ip: '10.0.0.3', port: 80 }]);
      await recorder.waitFor(({ services }) => services.get(key('orders', 'blue'))?.instances.length === 1, {
        what: 'a namespace that came later',
        deadlineMs: 30_000,
      });

      await namespaces('DELETE', 'namespaceId=gray');
      await recorder.waitFor(({ services }) => !services.has(key('orders', 'gray')), {
        what: 'the namespace to go',
        deadlineMs: 30_000,
      });
      assert.deepEqual([...recorder.services.keys()].sort(), [key('orders', 'blue'), key('orders', 'public')]);
      assert.equal(recorder.degradedScopes.size, 0);
    });

    it('reads those whose id or title is included and none that is excluded, and groups alike', async () => {
      for (const [id, title] of [
        ['n1', 'shop-a'],
        ['n2', 'shop-test'],
        ['n3', 'bank'],
      ]) {
        await namespaces('POST', `namespaceId=${id}&namespaceName=${title}`);
        for (const group of ['DEFAULT_GROUP', 'app-1', 'app-2']) {
          await writer.setVisibly({ service: 'selected', namespace: id as string, group }, [
            { ip: '10.0.0.1', port: 80 },
          ]);
        }
      }
      const metrics = new Registry();
      const config = {
        servers: [`http://${server.address}`],
        namespaces: { include: ['shop-*'], exclude: ['*-test'] },
      };
      run = new SourceRun(makeSource({ ...config, groups: { include: ['app-*'], exclude: ['app-2'] } }, { metrics }));
      const { recorder } = run;
      await recorder.waitFor(({ synced }) => synced, { what: 'the first listing', deadlineMs: 60_000 });
      assert.deepEqual([...recorder.services.keys()], ['n1@@app-1@@selected']);
      // One that is pushed by name later is looked at in the same way.
      await writer.set({ service: 'pushed', namespace: 'n1', group: 'app-2' }, [{ ip: '10.0.0.1', port: 80 }]);
      await writer.set({ service: 'pushed', namespace: 'n1', group: 'app-1' }, [{ ip: '10.0.0.1', port: 80 }]);
      await recorder.waitFor(({ services }) => services.size > 1, { what: 'the later one', deadlineMs: 60_000 });
      assert.deepEqual([...recorder.services.keys()].sort(), ['n1@@app-1@@pushed', 'n1@@app-1@@selected']);
      assert.match(await metrics.metrics(), /isthmus_nacos_connections\{source="nacos-test",protocol="grpc"\} 1\n/);
    });
  });

  describe('on a 2.3.2 without a console, which does not', () => {
    before(() => start(sharedNacos2));
    after(() => writer?.close());

    it('reads the public one, and says what to do', async () => {
      await writer.setVisibly({ service: 'orders' }, [{ ip: '10.0.0.1', port: 80 }]);
      const recorder = read();
      await recorder.waitFor(({ services }) => services.has(key('orders', 'public')), { deadlineMs: 30_000 });
      assert.match(recorder.degradedScopes.get('namespaces')?.message ?? '', /name those to read under "namespaces"/);
      assert.equal(recorder.synced, false, 'a part was published as the whole');
    });
  });
});
