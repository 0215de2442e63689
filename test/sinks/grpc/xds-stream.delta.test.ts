import assert from 'node:assert/strict';
import { clusterType, endpointType, listenerType, routeType } from '../../../sinks/grpc/push-order.js';
import { gone, MockClient, type Read, set, xdsBench } from '../support/xds-mock.js';

const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

function only(responses: readonly Read[]): Read {
  assert.equal(responses.length, 1, `${responses.length} responses instead of one`);
  return responses[0] ?? assert.fail();
}

function told({ resources, removed }: Read): { resources: readonly string[]; removed: readonly string[] } {
  return { resources, removed };
}

describe('an xDS stream, delta', () => {
  let bench: ReturnType<typeof xdsBench>;
  beforeEach(() => {
    bench = xdsBench();
  });

  function connect(): MockClient {
    return new MockClient(bench, 'delta');
  }

  it('answers nobody before the first apply, and then all, if only with nothing', () => {
    const client = connect();
    client.delta(clusterType);
    client.delta(endpointType, { resourceNamesSubscribe: ['a'] });
    assert.deepEqual(client.take(), []);
    bench.cache.apply([set(clusterType, 'a')]);
    assert.deepEqual(client.take().map(told), [
      { resources: ['a=v1'], removed: [] },
      { resources: [], removed: ['a'] },
    ]);
    const empty = connect();
    empty.delta(listenerType);
    assert.deepEqual(told(only(empty.take())), { resources: [], removed: [] });
  });

  it('answers what a client wants by then, when it has changed its mind before the first apply', () => {
    const [none, named] = [connect(), connect()];
    for (const client of [none, named]) client.delta(secretType);
    none.delta(secretType, { resourceNamesUnsubscribe: ['*'] });
    named.delta(secretType, { resourceNamesUnsubscribe: ['*'], resourceNamesSubscribe: ['b', 'c'] });
    bench.cache.apply([set(secretType, 'a'), set(secretType, 'b')]);
    assert.deepEqual(told(only(none.take())), { resources: [], removed: [] });
    assert.deepEqual(told(only(named.take())), { resources: ['b=v1'], removed: ['c'] });
  });

  it('gives a wildcard what is for all and for its gateway, and a name whatever it names', () => {
    bench.cache.apply([
      set(clusterType, 'all'),
      set(clusterType, 'mine', 'v1', { gateway: 'edge' }),
      set(clusterType, 'theirs', 'v1', { gateway: 'other' }),
      set(clusterType, 'hidden', 'v1', 'none'),
    ]);
    const client = connect();
    client.delta(clusterType, { node: { id: 'n', cluster: 'edge', locality: undefined, userAgentName: 'envoy' } });
    const first = only(client.take());
    assert.deepEqual(first.resources, ['all=v1', 'mine=v1']);
    client.ack(first, { resourceNamesSubscribe: ['hidden'] });
    const second = only(client.take());
    assert.deepEqual(second.resources, ['hidden=v1']);
    client.ack(second);
    // The gateway of a resource may change: who had it is told that it is gone.
    bench.cache.apply([set(clusterType, 'mine', 'v2', { gateway: 'other' }), set(clusterType, 'theirs', 'v2', 'all')]);
    assert.deepEqual(told(only(client.take())), { resources: ['theirs=v2'], removed: ['mine'] });
  });

  it('tells only what changed, only who reads it, and in the same bytes', () => {
    bench.cache.apply(['a', 'b', 'c'].map((name) => set(endpointType, name)));
    const clients = [connect(), connect(), connect()];
    const names = [['a', 'b'], ['a', 'b'], ['c']];
    for (const [index, client] of clients.entries()) {
      client.delta(endpointType, { resourceNamesSubscribe: names[index] ?? [] });
      client.ack(only(client.take()));
    }
    bench.cache.apply([set(endpointType, 'a', 'v2')]);
    const [one, two, other] = clients.map((client) => client.take());
    assert.deepEqual(told(only(one ?? [])), { resources: ['a=v2'], removed: [] });
    assert.equal(one?.[0]?.bytes, two?.[0]?.bytes);
    assert.deepEqual(other, []);
    // What is as it was is not told.
    assert.equal(bench.cache.apply([set(endpointType, 'a', 'v2'), gone(endpointType, 'nobody')]), false);
    assert.deepEqual(
      clients.flatMap((client) => client.take()),
      [],
    );
  });

  it('sends who names the same much, in whatever order, the same bytes', () => {
    const names = Array.from({ length: 200 }, (_, index) => `service-${(index * 7) % 200}`);
    bench.cache.apply(names.map((name) => set(endpointType, name)));
    const clients = [names, names.toReversed()].map((resourceNamesSubscribe) => {
      const client = connect();
      client.delta(endpointType, { resourceNamesSubscribe });
      return only(client.take());
    });
    assert.equal(clients[0]?.bytes, clients[1]?.bytes);
    assert.deepEqual(
      clients[0]?.resources,
      names.toSorted().map((name) => `${name}=v1`),
    );
  });

  it('has one response in flight a type; a slow client then gets the newest, and nothing that came and went', () => {
    bench.cache.apply([set(secretType, 'a'), set(secretType, 'b')]);
    const client = connect();
    client.delta(secretType);
    const first = only(client.take());
    bench.cache.apply([set(secretType, 'a', 'v2')]);
    bench.cache.apply([set(secretType, 'a', 'v3'), set(secretType, 'passing'), set(secretType, 'b', 'v2')]);
    bench.cache.apply([set(secretType, 'b', 'v1'), gone(secretType, 'passing')]);
    assert.deepEqual(client.take(), []);
    client.ack(first);
    const second = only(client.take());
    assert.deepEqual(told(second), { resources: ['a=v3'], removed: [] });
    assert.notEqual(first.nonce, second.nonce);
    client.ack(first); // an answer to what is over says nothing
    assert.equal(client.events.at(-1), `stale ${secretType}`);
    assert.equal(client.stream.types()[0]?.state, 'sent');
  });

  it('tells a name that is subscribed again, again; and one that does not exist, that it is gone, until it does', () => {
    bench.cache.apply([set(clusterType, 'a')]);
    const client = connect();
    client.delta(clusterType, { resourceNamesSubscribe: ['a', 'later'] });
    const first = only(client.take());
    assert.deepEqual(told(first), { resources: ['a=v1'], removed: ['later'] });
    client.ack(first, { resourceNamesSubscribe: ['a'] });
    const second = only(client.take());
    assert.deepEqual(told(second), { resources: ['a=v1'], removed: [] });
    client.ack(second);
    bench.cache.apply([set(clusterType, 'later', 'v1', 'none')]);
    assert.deepEqual(told(only(client.take())), { resources: ['later=v1'], removed: [] });
  });

  it('tells nothing of what is unsubscribed; of a name that a wildcard may still have, what it is', () => {
    bench.cache.apply([set(clusterType, 'a'), set(clusterType, 'hidden', 'v1', 'none')]);
    const named = connect();
    named.delta(clusterType, { resourceNamesSubscribe: ['a', 'hidden'] });
    named.ack(only(named.take()), { resourceNamesUnsubscribe: ['a'] });
    bench.cache.apply([set(clusterType, 'a', 'v2')]);
    assert.deepEqual(named.take(), []);
    named.delta(clusterType, { resourceNamesUnsubscribe: ['hidden'] });
    bench.cache.apply([set(clusterType, 'hidden', 'v2', 'none')]);
    assert.deepEqual(named.take(), [], 'none left is not all');

    const both = connect();
    both.delta(clusterType, { resourceNamesSubscribe: ['*', 'a', 'hidden'] });
    both.ack(only(both.take()), { resourceNamesUnsubscribe: ['a', 'hidden'] });
    const after = only(both.take());
    assert.deepEqual(told(after), { resources: ['a=v2'], removed: ['hidden'] });
    both.ack(after, { resourceNamesUnsubscribe: ['*'] });
    bench.cache.apply([set(clusterType, 'a', 'v3')]);
    assert.deepEqual(both.take(), []);
    assert.equal(both.stream.types()[0]?.wildcard, false);
  });

  it('tells what becomes of a name that was on its way when the client gave it up and took the wildcard', () => {
    bench.cache.apply([set(secretType, 'a')]);
    const client = connect();
    client.delta(secretType, { resourceNamesSubscribe: ['a'] });
    const first = only(client.take());
    client.delta(secretType, { resourceNamesUnsubscribe: ['a'], resourceNamesSubscribe: ['*'] });
    bench.cache.apply([gone(secretType, 'a')]);
    client.ack(first);
    assert.deepEqual(told(only(client.take())), { resources: [], removed: ['a'] });
  });

  it('honours a change of names in a request whose nonce is stale', () => {
    bench.cache.apply([set(secretType, 'a', 'v1', 'none'), set(secretType, 'b', 'v1', 'none')]);
    const client = connect();
    client.delta(secretType, { resourceNamesSubscribe: ['a'] });
    const first = only(client.take());
    client.delta(secretType, { responseNonce: 'of another time', resourceNamesSubscribe: ['b'] });
    assert.deepEqual(client.take(), []);
    client.ack(first);
    assert.deepEqual(told(only(client.take())), { resources: ['b=v1'], removed: [] });
  });

  it('sends a client that comes back nothing that it has, and tells it what is gone', () => {
    bench.cache.apply(['same', 'newer', 'new'].map((name) => set(secretType, name, name === 'newer' ? 'v2' : 'v1')));
    const initialResourceVersions = ['same', 'newer', 'gone'].map((name) => ({ name, version: 'v1' }));
    const wildcard = connect();
    wildcard.delta(secretType, { initialResourceVersions });
    assert.deepEqual(told(only(wildcard.take())), { resources: ['newer=v2', 'new=v1'], removed: ['gone'] });
    const named = connect();
    named.delta(secretType, { initialResourceVersions, resourceNamesSubscribe: ['same', 'gone', 'new', 'never'] });
    assert.deepEqual(told(only(named.take())), { resources: ['new=v1'], removed: ['gone', 'never'] });
  });

  it('sends a client that comes back before the first apply no more than that', () => {
    const client = connect();
    client.delta(secretType, {
      initialResourceVersions: [
        { name: 'a', version: 'v1' },
        { name: 'b', version: 'v1' },
      ],
    });
    bench.cache.apply([set(secretType, 'a'), set(secretType, 'c')]);
    assert.deepEqual(told(only(client.take())), { resources: ['c=v1'], removed: ['b'] });
  });

  it('keeps a refusal with its words for the resources it names, and goes on with all others', () => {
    bench.cache.apply([set(clusterType, 'good'), set(clusterType, 'bad'), set(secretType, 's')]);
    const client = connect();
    client.delta(clusterType);
    client.nack(only(client.take()), 'Error adding/updating cluster(s) bad: no such thing');
    assert.ok(client.events.includes(`nacked ${clusterType} bad: Error adding/updating cluster(s) bad: no such thing`));
    const [status] = client.stream.types();
    assert.equal(status?.state, 'nacked');
    assert.deepEqual(
      status?.refused?.map(({ name, version, message }) => [name, version, message.slice(0, 5)]),
      [['bad', 'v1', 'Error']],
    );
    assert.deepEqual(client.take(), [], 'what was refused is not sent again');
    client.delta(secretType);
    client.ack(only(client.take()));
    bench.cache.apply([set(clusterType, 'good', 'v2')]);
    client.ack(only(client.take()));
    assert.equal(client.stream.types()[0]?.refused?.length, 1);
    bench.cache.apply([set(clusterType, 'bad', 'v2')]);
    client.ack(only(client.take()));
    assert.deepEqual(client.stream.types()[0]?.refused, []);
    assert.equal(client.stream.types()[0]?.state, 'acked');
  });

  it('shows what a client wants, has and lacks', async () => {
    bench.cache.apply([set(secretType, 'a'), set(secretType, 'b')]);
    const client = connect();
    client.delta(secretType, {
      node: { id: 'n1', cluster: 'edge', userAgentName: 'envoy', locality: { region: 'r', zone: 'z', subZone: '' } },
      resourceNamesSubscribe: ['a', 'b'],
    });
    assert.deepEqual(client.stream.node, { id: 'n1', cluster: 'edge', locality: 'r/z', userAgent: 'envoy' });
    const first = only(client.take());
    client.ack(first);
    bench.cache.apply([set(secretType, 'a', 'v2')]);
    bench.cache.apply([set(secretType, 'b', 'v2')]);
    await bench.clock.advance(250);
    const [status] = client.stream.types();
    const { state, subscribed, pending, lagMs, acked } = status ?? {};
    assert.deepEqual({ state, subscribed, pending, lagMs }, { state: 'sent', subscribed: 2, pending: 1, lagMs: 250 });
    assert.equal(acked?.nonce, first.nonce);
    client.ack(only(client.take()));
    client.ack(only(client.take()));
    assert.deepEqual([client.stream.types()[0]?.lagMs, client.stream.types()[0]?.pending], [0, 0]);
  });

  it('ends when a response is not answered in time, however many others are', async () => {
    bench.cache.apply([set(secretType, 'a')]);
    const [slow, quick] = [connect(), connect()];
    slow.delta(secretType);
    await bench.clock.advance(30_000);
    quick.delta(secretType);
    quick.ack(only(quick.take()));
    await bench.clock.advance(29_999);
    assert.deepEqual(slow.ends, []);
    await bench.clock.advance(1);
    assert.deepEqual(slow.ends, [`UNAVAILABLE: no answer to ${secretType} within 60000 ms`]);
    bench.cache.apply([set(secretType, 'a', 'v2')]);
    assert.equal(only(quick.take()).resources[0], 'a=v2');
    assert.equal(slow.responses.length, 1);
    quick.stream.close();
    assert.equal(bench.clock.sleepers, 0);
  });

  it('ends on garbage, on too many types and on too many names, and leaves no reader behind', () => {
    bench.cache.apply([set(secretType, 'a')]);
    const garbage = new MockClient(bench, 'delta');
    garbage.stream.receive(Buffer.from([0xff, 0xff]));
    assert.match(garbage.ends[0] ?? '', /^INVALID_ARGUMENT/);
    const types = new MockClient(bench, 'delta', { maxTypes: 1 });
    types.delta(secretType);
    types.delta(clusterType);
    assert.deepEqual(types.ends, ['RESOURCE_EXHAUSTED: more than 1 types on one stream']);
    const names = new MockClient(bench, 'delta', { maxSubscriptions: 3 });
    names.delta(secretType, { resourceNamesSubscribe: ['a', 'b'] });
    names.delta(clusterType, { resourceNamesSubscribe: ['c'] });
    names.delta(clusterType, { resourceNamesSubscribe: ['c'], resourceNamesUnsubscribe: ['x'] });
    assert.deepEqual(names.ends, []);
    names.delta(clusterType, { resourceNamesUnsubscribe: ['c'], resourceNamesSubscribe: ['d'] });
    assert.deepEqual(names.ends, [], 'what is given up counts no more');
    names.delta(clusterType, { resourceNamesSubscribe: ['e'] });
    assert.deepEqual(names.ends, ['RESOURCE_EXHAUSTED: more than 3 subscriptions on one stream']);
    assert.ok(names.events.includes('over subscriptions'));
    assert.equal(bench.cache.type(clusterType).entry('d'), undefined);
    assert.equal(bench.cache.type(secretType).entry('b'), undefined);
  });

  it('forgets the types that clients have made up, and keeps none that somebody may still add a name to', () => {
    bench.cache.apply([set(secretType, 'a')]);
    const known = bench.cache.typeCount;
    const idle = connect();
    idle.delta('made-up', { resourceNamesSubscribe: ['x'] });
    idle.ack(only(idle.take()), { resourceNamesUnsubscribe: ['x'] });
    const other = connect();
    other.delta('made-up', { resourceNamesSubscribe: ['y'] });
    other.stream.close();
    idle.delta('made-up', { resourceNamesSubscribe: ['x'] });
    idle.ack(only(idle.take()));
    bench.cache.apply([set('made-up', 'x')]);
    assert.deepEqual(only(idle.take()).resources, ['x=v1']);
    bench.cache.apply([gone('made-up', 'x')]);
    idle.stream.close();
    assert.equal(bench.cache.typeCount, known);
  });

  it('puts clusters and endpoints before what refers to them, and takes them away after it', () => {
    bench.cache.apply([
      ...[clusterType, endpointType].map((type) => set(type, 'old')),
      set(listenerType, 'l', 'refers to old'),
      set(routeType, 'r', 'refers to old'),
    ]);
    const client = connect();
    const types = [routeType, listenerType, endpointType, clusterType];
    for (const type of types) {
      client.delta(type);
      for (const response of client.take()) client.ack(response);
    }
    for (const response of client.take()) client.ack(response);
    assert.deepEqual(client.take(), []);
    bench.cache.apply([
      set(routeType, 'r', 'refers to new'),
      set(listenerType, 'l', 'refers to new'),
      gone(endpointType, 'old'),
      gone(clusterType, 'old'),
      set(endpointType, 'new'),
      set(clusterType, 'new'),
    ]);
    const seen: string[] = [];
    for (let round = 0; round < 10; round++) {
      const responses = client.take();
      if (responses.length === 0) break;
      seen.push(
        responses.map((one) => [...one.resources, ...one.removed.map((name) => `-${name}`)].join(' ')).join(' | '),
      );
      for (const response of responses) client.ack(response);
    }
    assert.deepEqual(seen, ['new=v1 | new=v1', 'l=refers to new | r=refers to new', '-old', '-old']);
  });

  it('does not let a refusal hold up the types that come after', () => {
    bench.cache.apply([set(clusterType, 'a'), set(routeType, 'r')]);
    const client = connect();
    client.delta(clusterType);
    const clusters = only(client.take());
    client.delta(routeType);
    assert.deepEqual(client.take(), [], 'it waits for the answer');
    client.nack(clusters, 'no');
    assert.deepEqual(only(client.take()).resources, ['r=v1']);
  });

  it('sends the endpoints of a changed cluster once more, which ends its warming', () => {
    bench.cache.apply([clusterType, endpointType].flatMap((type) => [set(type, 'a'), set(type, 'b')]));
    const client = connect();
    client.delta(clusterType);
    client.ack(only(client.take()));
    client.delta(endpointType, { resourceNamesSubscribe: ['a', 'b'] });
    client.ack(only(client.take()));
    bench.cache.apply([set(clusterType, 'a', 'v2')]);
    assert.deepEqual(client.take().map(told), [
      { resources: ['a=v2'], removed: [] },
      { resources: ['a=v1'], removed: [] },
    ]);
    // Also when it comes back and has not asked for endpoints yet.
    const back = connect();
    const initialResourceVersions = ['a', 'b'].map((name) => ({ name, version: 'v1' }));
    back.delta(clusterType, { initialResourceVersions });
    assert.deepEqual(only(back.take()).resources, ['a=v2']);
    back.delta(endpointType, { initialResourceVersions, resourceNamesSubscribe: ['a', 'b'] });
    assert.deepEqual(only(back.take()).resources, ['a=v1']);
  });

  describe('owes endpoints of a changed cluster to who has not asked for any', () => {
    const initialResourceVersions = [{ name: 'a', version: 'v1' }];
    const asked = { initialResourceVersions, resourceNamesSubscribe: ['a'] };
    let client: MockClient;
    beforeEach(() => {
      bench.cache.apply([set(clusterType, 'a'), set(endpointType, 'a')]);
      client = connect();
      client.delta(clusterType);
      client.ack(only(client.take()));
      bench.cache.apply([set(clusterType, 'a', 'v2')]);
      client.ack(only(client.take()));
      assert.equal(client.stream.owed, 1);
    });

    it('until it asks', () => {
      client.delta(endpointType, asked);
      assert.deepEqual(only(client.take()).resources, ['a=v1']);
      assert.equal(client.stream.owed, 0);
    });

    it('until it asks for others, for it then is told of each name that it adds', () => {
      client.delta(endpointType, { initialResourceVersions, resourceNamesSubscribe: ['b'] });
      client.ack(only(client.take()));
      assert.equal(client.stream.owed, 0);
      bench.cache.apply([set(clusterType, 'a', 'v3')]);
      client.ack(only(client.take()));
      assert.equal(client.stream.owed, 0);
      client.delta(endpointType, { resourceNamesSubscribe: ['a'] });
      assert.deepEqual(only(client.take()).resources, ['a=v1']);
    });

    it('until it has let go of the cluster', () => {
      bench.cache.apply([gone(clusterType, 'a')]);
      const removal = only(client.take());
      assert.deepEqual(removal.removed, ['a']);
      client.ack(removal);
      assert.equal(client.stream.owed, 0);
      client.delta(endpointType, asked);
      assert.deepEqual(only(client.take()).resources, []);
    });
  });
});
