import assert from 'node:assert/strict';
import { KubeWriter } from '../support/kube-writer.js';
import { assertGone } from './assert-gone.js';
import { type KubeServer, startKube } from './kube.js';

describe('test server kube', function () {
  this.timeout(180_000);
  let kube: KubeServer;
  let writer: KubeWriter;

  before(async () => {
    kube = await startKube();
    writer = new KubeWriter(kube);
  });
  after(async () => {
    await writer?.close();
    await kube?.stopAll();
  });

  it('keeps objects, over a crash of its API too', async () => {
    const { body } = await writer.request('GET', '/version');
    assert.equal(body['gitVersion'], 'v1.36.1');
    await writer.namespace('kept');
    await kube.kill();
    await kube.start();
    assert.equal((await writer.get('/api/v1/namespaces/kept'))?.metadata.name, 'kept');
  });

  it("serves Istio's own resources, and refuses what their schema does not allow", async () => {
    await writer.installIstio(['ServiceEntry']);
    const collection = '/apis/networking.istio.io/v1/namespaces/default/serviceentries';
    const entry = (spec: object) => ({
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'a' }, spec },
    });
    assert.equal((await writer.request('POST', collection, entry({ hosts: ['a.test'] }))).status, 201);
    assert.equal((await writer.request('POST', collection, entry({ hosts: 'a.test' }))).status, 422);
  });

  it('is gone with its store when it is stopped', async () => {
    const pids = [kube.pid, kube.etcd.pid];
    await kube.stopAll();
    for (const pid of pids) assertGone(pid);
  });
});
