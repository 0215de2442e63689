import assert from 'node:assert/strict';
import { clientRoutes } from '../../core/operate/client-routes.js';
import { startApi, type TestApi } from '../sinks/api/api.js';
import { AdsPeer, ack, nack, request } from '../sinks/support/ads-peer.js';
import { MemoryCatalog } from '../sinks/support/memory-catalog.js';
import { type RunningSink, runSink } from '../sinks/support/running-sink.js';
import { catalogService, instances } from '../sinks/support/services.js';
import { poll } from '../support/poll.js';
import { runCli } from './run-cli.js';

const serviceEntries = 'networking.istio.io/v1/ServiceEntry';

describe('isthmus clients', () => {
  const catalog = new MemoryCatalog();
  const peers: AdsPeer[] = [];
  let running: RunningSink;
  let test: TestApi;

  beforeEach(async () => {
    catalog.put(catalogService('orders.nacos', instances(1)));
    running = await runSink(catalog, { shards: 2 });
    const sinks = [{ name: 'mcp-hz', kind: 'mcp', sink: running.sink }];
    test = await startApi({}, ({ routes }) => {
      for (const route of clientRoutes(sinks)) routes.add(route);
    });
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    await test.api.stop();
    await running.stop();
  });

  const cli = (...args: string[]) => runCli(['clients', ...args], { env: { ISTHMUS_SERVER: test.url } });

  function connect(id: string): AdsPeer {
    const peer = new AdsPeer(running.address);
    peers.push(peer);
    const node = { id, cluster: '', locality: undefined, userAgentName: '' };
    peer.send(request('networking.istio.io/v1/Gateway', { node }));
    return peer;
  }

  it('shows nobody when nobody is there', async () => {
    assert.deepEqual(await cli(), { code: 0, stdout: '', stderr: 'No clients found.\n' });
  });

  it('shows the version that each has confirmed, and how long there is a newer one', async () => {
    const [prompt, slow] = [connect('istiod-a'), connect('istiod-b')];
    for (const peer of [prompt, slow]) {
      peer.send(ack(await peer.response(1)));
      peer.send(request(serviceEntries));
      peer.send(ack(await peer.response(2)));
    }
    const lags = () =>
      running.sink
        .clients()
        .map(({ subscriptions }) => subscriptions.find(({ typeUrl }) => typeUrl === serviceEntries));
    await poll(() => lags().every((subscription) => subscription?.state === 'acked' && subscription.lagMs === 0));
    const first = lags()[0]?.ackedVersion ?? '';
    catalog.put(catalogService('orders.nacos', instances(2)));
    prompt.send(ack(await prompt.response(3)));
    await slow.response(3);
    const { items } = await poll(async () => {
      const { stdout } = await cli('-o', 'json');
      const list = JSON.parse(stdout) as {
        items: { node: string; subscriptions: { lagMs: number; ackedVersion: string }[] }[];
      };
      return (
        (list.items[1]?.subscriptions[1]?.lagMs ?? 0) > 0 &&
        list.items[0]?.subscriptions[1]?.ackedVersion !== first &&
        list
      );
    });
    assert.deepEqual(
      items.map(({ node }) => node),
      ['istiod-a', 'istiod-b'],
    );
    assert.equal(items[0]?.subscriptions[1]?.lagMs, 0);
    assert.equal(items[1]?.subscriptions[1]?.ackedVersion, first);
    const { stdout } = await cli();
    assert.match(
      stdout,
      /^SINK +NODE +PEER +PART +CONNECTED +STATE +ACKED +LAG\nmcp-hz +istiod-a +127\.0\.0\.1:\d+ +all +0s +acked /,
    );
    assert.match(stdout, new RegExp(`istiod-b .* sent +${first} +\\d+(?:ms|s)\n$`));
    const metrics = await running.metrics.metrics();
    assert.match(metrics, /isthmus_mcp_client_lag_seconds\{sink="mcp",node="istiod-a",part=""\} 0\n/);
    assert.match(metrics, /isthmus_mcp_client_lag_seconds\{sink="mcp",node="istiod-b",part=""\} 0\.\d+\n/);
    for (const peer of peers) peer.close();
    await poll(() => running.sink.clients().length === 0);
    assert.doesNotMatch(await running.metrics.metrics(), /client_lag_seconds\{/);
  });

  it('shows what was refused, and finds clients by name', async () => {
    const peer = connect('istiod-canary');
    connect('other');
    await peer.response(1);
    peer.send(request(serviceEntries));
    peer.send(nack(await peer.response(2), 'not today'));
    await poll(() => running.sink.clients().some(({ subscriptions }) => subscriptions[1]?.state === 'nacked'));
    const { stdout } = await cli('*canary*', '-o', 'wide');
    assert.match(stdout, /istiod-canary .* nacked .* not today\n$/);
    assert.doesNotMatch(stdout, /other/);
    assert.equal((await cli('--sink', 'another')).stdout, '');
    assert.equal((await cli('other', '-o', 'name')).stdout, 'mcp-hz/other\n');
  });
});
