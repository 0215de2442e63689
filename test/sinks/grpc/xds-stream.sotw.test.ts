import assert from 'node:assert/strict';
import { clusterType, endpointType, listenerType, routeType } from '../../../sinks/grpc/push-order.js';
import { gone, MockClient, type Read, set, xdsBench } from '../support/xds-mock.js';

function only(responses: readonly Read[]): Read {
  assert.equal(responses.length, 1, `${responses.length} responses instead of one`);
  return responses[0] ?? assert.fail();
}

const contents = (responses: readonly Read[]) => responses.map(({ resources }) => resources);

describe('an xDS stream, state of the world', () => {
  let bench: ReturnType<typeof xdsBench>;
  beforeEach(() => {
    bench = xdsBench();
  });

  function connect(): MockClient {
    return new MockClient(bench, 'sotw');
  }

  it('sends all clusters whenever one of them changes, in the same bytes to all, and what is left out is gone', () => {
    bench.cache.apply(['b', 'a', 'c'].map((name) => set(clusterType, name)));
    const [one, two] = [connect(), connect()];
    for (const client of [one, two]) {
      client.sotw(clusterType, { responseNonce: 'junk of another server', versionInfo: 'old' });
      const first = only(client.take());
      assert.deepEqual(first.resources, ['a=v1', 'b=v1', 'c=v1']);
      client.ackSotw(first);
    }
    bench.cache.apply([set(clusterType, 'a', 'v2'), gone(clusterType, 'b')]);
    const [first, second] = [only(one.take()), only(two.take())];
    assert.deepEqual(first.resources, ['a=v2', 'c=v1']);
    assert.equal(first.bytes, second.bytes);
  });

  it('has a version that tells content alone: what is the same again has the same', () => {
    bench.cache.apply([set(clusterType, 'a')]);
    const client = connect();
    client.sotw(clusterType);
    const versions: string[] = [];
    for (const version of ['v2', 'v1', 'v3']) {
      const response = only(client.take());
      versions.push(response.version);
      client.ackSotw(response);
      bench.cache.apply([set(clusterType, 'a', version)]);
    }
    assert.equal(versions[0], versions[2]);
    assert.notEqual(versions[0], versions[1]);
  });

  it('sends of endpoints what changed and what is newly asked for, and cannot tell that something is gone', () => {
    bench.cache.apply(['a', 'b', 'c'].map((name) => set(endpointType, name)));
    const client = connect();
    client.sotw(endpointType, { resourceNames: ['a', 'b'] });
    const first = only(client.take());
    assert.deepEqual(first.resources, ['a=v1', 'b=v1']);
    client.ackSotw(first, ['a', 'b', 'c']);
    const second = only(client.take());
    assert.deepEqual(second.resources, ['c=v1']);
    client.ackSotw(second, ['a', 'b', 'c']);
    bench.cache.apply([set(endpointType, 'b', 'v2')]);
    const third = only(client.take());
    assert.deepEqual(third.resources, ['b=v2']);
    client.ackSotw(third, ['a', 'c']);
    bench.cache.apply([set(endpointType, 'b', 'v3'), gone(endpointType, 'a')]);
    assert.deepEqual(client.take(), []);
  });

  it('answers at once for what does not exist, and sends it when it does', () => {
    bench.cache.apply([]);
    const client = connect();
    client.sotw(endpointType, { resourceNames: ['later'] });
    const first = only(client.take());
    assert.deepEqual(first.resources, []);
    client.ackSotw(first, ['later']);
    bench.cache.apply([set(endpointType, 'later')]);
    assert.deepEqual(contents(client.take()), [['later=v1']]);
  });

  it('takes no names for all, until a name was given', () => {
    bench.cache.apply([set(clusterType, 'a'), set(clusterType, 'b'), set(clusterType, 'hidden', 'v1', 'none')]);
    const client = connect();
    const expected = [
      { names: [], resources: ['a=v1', 'b=v1'] },
      { names: ['*', 'hidden'], resources: ['a=v1', 'b=v1', 'hidden=v1'] },
      { names: ['hidden'], resources: ['hidden=v1'] },
    ];
    let last: Read | undefined;
    for (const { names, resources } of expected) {
      client.sotw(clusterType, { resourceNames: names, ...(last && { responseNonce: last.nonce }) });
      last = only(client.take());
      assert.deepEqual(last.resources, resources);
      client.ackSotw(last, names);
    }
    client.sotw(clusterType, { resourceNames: [], responseNonce: last?.nonce ?? '' });
    bench.cache.apply([set(clusterType, 'a', 'v2'), set(clusterType, 'hidden', 'v2', 'none')]);
    assert.deepEqual(client.take(), []);
  });

  it('takes a request with an old nonce for nothing, and keeps the names of one that has none', () => {
    bench.cache.apply([set(endpointType, 'a'), set(endpointType, 'b')]);
    const client = connect();
    client.sotw(endpointType, { resourceNames: ['a'] });
    const first = only(client.take());
    client.ackSotw(first, ['a']);
    bench.cache.apply([set(endpointType, 'a', 'v2')]);
    const second = only(client.take());
    client.ackSotw(first, ['a', 'b']);
    assert.equal(client.events.at(-1), `stale ${endpointType}`);
    assert.equal(client.stream.types()[0]?.subscribed, 1, 'it says the same again with its next answer');
    client.ackSotw(second, ['a', 'b']);
    assert.deepEqual(contents(client.take()), [['b=v1']]);
  });

  it('keeps a cluster in the whole state until routes no longer refer to it', () => {
    bench.cache.apply([set(clusterType, 'old'), set(routeType, 'r', 'to old')]);
    const client = connect();
    for (const type of [clusterType, routeType]) {
      client.sotw(type);
      client.ackSotw(only(client.take()));
    }
    bench.cache.apply([gone(clusterType, 'old'), set(clusterType, 'new'), set(routeType, 'r', 'to new')]);
    const seen: (readonly string[])[] = [];
    for (let responses = client.take(); responses.length > 0; responses = client.take()) {
      seen.push(...contents(responses));
      for (const response of responses) client.ackSotw(response);
    }
    assert.deepEqual(seen, [['new=v1', 'old=v1'], ['r=to new'], ['new=v1']]);
  });

  it('keeps a cluster also when the route that leaves it changes again before it is sent', () => {
    bench.cache.apply([set(clusterType, 'old'), set(routeType, 'r', 'to old')]);
    const client = connect();
    for (const type of [clusterType, routeType]) {
      client.sotw(type);
      client.ackSotw(only(client.take()));
    }
    bench.cache.apply([gone(clusterType, 'old'), set(clusterType, 'new'), set(routeType, 'r', 'to new')]);
    bench.cache.apply([set(routeType, 'r', 'to new, again'), set(clusterType, 'newest')]);
    client.ackSotw(only(client.take()));
    assert.deepEqual(contents(client.take()), [['new=v1', 'newest=v1', 'old=v1']]);
  });

  it('finds the one bad resource of a refused response, so that the client has the others', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    bench.cache.apply(names.map((name) => set(endpointType, name, name === 'd' ? 'bad' : 'v1')));
    const client = connect();
    client.sotw(endpointType, { resourceNames: names });
    const taken = new Set<string>();
    for (let response = client.take()[0]; response; response = client.take()[0]) {
      const bad = response.resources.some((text) => text.endsWith('bad'));
      if (!bad) for (const text of response.resources) taken.add(text);
      client.sotw(endpointType, {
        responseNonce: response.nonce,
        resourceNames: names,
        ...(bad && { errorDetail: { code: 3, message: 'Proto constraint validation failed' } }),
      });
    }
    assert.deepEqual([...taken].sort(), ['a=v1', 'b=v1', 'c=v1', 'e=v1']);
    const [status] = client.stream.types();
    assert.deepEqual(
      status?.refused?.map(({ name }) => name),
      ['d'],
    );
    bench.cache.apply([set(endpointType, 'd', 'v2')]);
    assert.deepEqual(contents(client.take()), [['d=v2']]);
  });

  it('sends endpoints once more to a client that repeats itself after a cluster of another name changed', () => {
    bench.cache.apply([set(clusterType, 'cluster'), set(endpointType, 'service-name')]);
    const client = connect();
    client.sotw(clusterType);
    client.ackSotw(only(client.take()));
    client.sotw(endpointType, { resourceNames: ['service-name'] });
    const endpoints = only(client.take());
    client.ackSotw(endpoints, ['service-name']);
    client.ackSotw(endpoints, ['service-name']);
    assert.deepEqual(client.take(), [], 'nothing has changed');
    bench.cache.apply([set(clusterType, 'cluster', 'v2')]);
    client.ackSotw(only(client.take()));
    client.ackSotw(endpoints, ['service-name']);
    const again = only(client.take());
    assert.deepEqual(again.resources, ['service-name=v1']);
    client.ackSotw(again, ['service-name']);
    client.ackSotw(again, ['service-name']);
    assert.deepEqual(client.take(), [], 'once is enough');
  });

  it('waits for the answer to clusters before it sends a listener, also the first', () => {
    bench.cache.apply([set(clusterType, 'a'), set(listenerType, 'l')]);
    const client = connect();
    client.sotw(clusterType);
    const clusters = only(client.take());
    client.sotw(listenerType);
    assert.deepEqual(client.take(), []);
    client.ackSotw(clusters);
    assert.deepEqual(contents(client.take()), [['l=v1']]);
  });

  it('owes nothing to who has not asked for endpoints, for it is told of all that it will name', () => {
    bench.cache.apply([set(clusterType, 'a'), set(endpointType, 'a')]);
    const client = connect();
    client.sotw(clusterType);
    client.ackSotw(only(client.take()));
    bench.cache.apply([set(clusterType, 'a', 'v2')]);
    client.ackSotw(only(client.take()));
    assert.equal(client.stream.owed, 0);
    client.sotw(endpointType, { resourceNames: ['a'] });
    assert.deepEqual(contents(client.take()), [['a=v1']]);
  });
});
