import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceRun } from '../../../testkit/index.js';
import { type KubeServer, startKube } from '../../servers/kube.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { KubeWriter } from '../../support/kube-writer.js';
import { makeSource } from './make-source.js';
import { Registrations } from './registrations.js';

const reader = { name: 'reader', token: 'token-of-the-reader' };

describe('adapters/kubernetes: what is read of a real server, and as whom', function () {
  this.timeout(180_000);
  let dir: string;
  let certificates: Certificates;
  let kube: KubeServer;
  let writer: KubeWriter;
  let run: SourceRun | undefined;
  const registrations = new Map<string, Registrations>();

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-kube-'));
    certificates = await makeCertificates();
    kube = await startKube({ users: [reader], certificates });
    writer = new KubeWriter(kube);
    for (const [name, labels] of [
      ['shop', { team: 'a' }],
      ['payment', { team: 'b' }],
    ] as const) {
      await writer.namespace(name, labels);
      registrations.set(name, new Registrations(writer, name));
    }
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const rules = [
      { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
    ];
    const role = {
      kind: 'ClusterRole',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'isthmus' },
      rules,
    };
    await writer.put(`${rbac}/clusterroles`, role);
    await bind('shop', reader.name);
    await in_('shop').instance('orders', 'a', '10.1.0.1', 8080);
    await in_('payment').instance('bills', 'a', '10.2.0.1', 8080);
  });
  after(async () => {
    await writer?.close();
    await kube?.stopAll();
    await certificates?.remove();
    await rm(dir, { recursive: true });
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  const in_ = (namespace: string): Registrations => registrations.get(namespace) ?? assert.fail();
  const bind = (namespace: string, user: string) =>
    writer.put(`/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      ...{ kind: 'RoleBinding', apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: user } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'isthmus' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
    });
  const access = () => ({ server: kube.url, tls: { ca: certificates.ca } });
  const start = (config: Parameters<typeof makeSource>[0]) => {
    run = new SourceRun(makeSource({ watchMs: 5000, ...config }));
    return run.recorder;
  };
  const names = (recorder: SourceRun['recorder']) => [...recorder.services.keys()].sort().join();

  it('takes a namespace that it may read, says why of the one that it may not, and takes that too as soon as it may', async () => {
    const recorder = start({ ...access(), token: reader.token, namespaces: ['shop', 'payment'] });
    await recorder.waitFor(() => recorder.degradedScopes.has('payment') && recorder.services.size === 1);
    assert.equal(recorder.synced, false);
    assert.equal(names(recorder), 'shop/orders');
    const reason = recorder.degradedScopes.get('payment')?.message ?? '';
    assert.match(reason, /403.*reader.*cannot list/);
    assert.doesNotMatch(reason, /token-of-the-reader/);
    await bind('payment', reader.name);
    await recorder.waitFor(() => recorder.synced && recorder.degradedScopes.size === 0, { deadlineMs: 30_000 });
    assert.equal(names(recorder), 'payment/bills,shop/orders');
    // What was readable all the time was never touched.
    assert.deepEqual(
      recorder.events.filter(({ kind }) => kind === 'remove'),
      [],
    );
  });

  it('selects by namespaces’ labels, services’ labels, names and annotations, and follows them', async () => {
    const shop = in_('shop');
    await shop.service('labelled', {}, { labels: { tier: 'web' } });
    const recorder = start({
      kubeconfig: kube.kubeconfig,
      namespaceSelector: 'team=a',
      include: ['*/orders', '*/labelled'],
    });
    await recorder.waitFor(() => recorder.synced);
    assert.equal(names(recorder), 'shop/labelled,shop/orders');
    await writer.namespace('payment', { team: 'a' });
    await in_('payment').service('orders');
    await recorder.waitFor(() => recorder.services.has('payment/orders'));
    await writer.namespace('payment', { team: 'b' });
    await recorder.waitFor(() => !recorder.services.has('payment/orders'));
    await shop.service('labelled', {}, { annotations: { 'isthmus.io/export': 'false' } });
    await recorder.waitFor(() => !recorder.services.has('shop/labelled'));
    await run?.stop();
    await shop.service('labelled', {}, { labels: { tier: 'web' }, annotations: { 'isthmus.io/export': 'true' } });
    const annotated = start({ kubeconfig: kube.kubeconfig, labelSelector: 'tier=web', export: 'annotated' });
    await annotated.waitFor(() => annotated.synced);
    assert.equal(names(annotated), 'shop/labelled');
  });

  it('does not read back what carries the mark of an Isthmus', async () => {
    await in_('shop').service('written', {}, { labels: { 'isthmus.io/site': 'hz-1' } });
    const recorder = start({ kubeconfig: kube.kubeconfig, namespaces: ['shop'] });
    await recorder.waitFor(() => recorder.synced);
    assert.equal(recorder.services.has('shop/written'), false);
    await in_('shop').service('written', {}, { labels: {} });
    await recorder.waitFor(() => recorder.services.has('shop/written'));
    await in_('shop').removeService('written');
    await recorder.waitFor(() => !recorder.services.has('shop/written'));
  });

  it('tells of states, zones and pods as EndpointSlices have them', async () => {
    await in_('shop').service('states');
    await in_('shop').slice('states', 'states-1', [
      { addresses: ['10.3.0.1'], zone: 'eu-1a', nodeName: 'n1', targetRef: { kind: 'Pod', name: 'p1' } },
      { addresses: ['10.3.0.2'], conditions: { ready: false, serving: true, terminating: true } },
      { addresses: ['10.3.0.3'], conditions: { ready: false, serving: false } },
    ]);
    const recorder = start({ kubeconfig: kube.kubeconfig, namespaces: ['shop'], region: 'eu-1' });
    await recorder.waitFor(() => recorder.services.get('shop/states')?.instances.length === 3);
    const [one, two, three] = recorder.services.get('shop/states')?.instances ?? [];
    assert.deepEqual([one?.health, two?.health, three?.health], ['healthy', 'draining', 'unhealthy']);
    assert.deepEqual(one?.locality, { region: 'eu-1', zone: 'eu-1a', subzone: '' });
    const records = await makeRecords('shop/states');
    assert.equal(records.length, 5);
    assert.equal(records.find(({ text }) => text.includes('10.3.0.2'))?.instance, '10.3.0.2:8080');
    assert.doesNotMatch(records.map(({ text }) => text).join(), /managedFields/);
  });

  async function makeRecords(service: string) {
    const source = makeSource({ kubeconfig: kube.kubeconfig, namespaces: ['shop'] });
    const other = new SourceRun(source);
    await other.recorder.waitFor(() => other.recorder.synced);
    const records = await source.records(service, AbortSignal.timeout(5000));
    await other.stop();
    return records;
  }

  it('takes a renewed token file with no restart', async () => {
    const tokenFile = join(dir, 'token');
    await writeFile(tokenFile, 'not-yet-a-token');
    const recorder = start({ ...access(), tokenFile, namespaces: ['shop'] });
    await recorder.waitFor(() => recorder.degradedScopes.size === 1);
    const [reason] = recorder.degradedScopes.values();
    assert.match(reason?.message ?? '', /401/);
    assert.doesNotMatch(reason?.message ?? '', /not-yet-a-token/);
    await writeFile(tokenFile, reader.token);
    await recorder.waitFor(() => recorder.synced, { deadlineMs: 30_000 });
    assert.ok(recorder.services.has('shop/orders'));
  });

  it('shows a client certificate, and trusts no server but that of its authority', async () => {
    await bind('shop', 'client.dc1.consul');
    const { cert, key } = certificates.client;
    const tls = { ca: certificates.ca, cert, key };
    const recorder = start({ server: kube.url, tls, namespaces: ['shop'] });
    await recorder.waitFor(() => recorder.synced);
    await run?.stop();
    const distrusting = start({ server: kube.url, token: reader.token, namespaces: ['shop'] });
    await distrusting.waitFor(() => distrusting.degradedScopes.size === 1);
    assert.match([...distrusting.degradedScopes.values()][0]?.message ?? '', /certificate|self.signed|issuer/i);
    assert.equal(distrusting.services.size, 0);
  });
});
