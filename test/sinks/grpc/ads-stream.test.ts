import assert from 'node:assert/strict';
import type { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { ack, nack, request } from '../support/ads-peer.js';
import { mockStream } from '../support/mock-stream.js';

function last(written: readonly DiscoveryResponse[]): DiscoveryResponse {
  const response = written.at(-1);
  assert.ok(response, 'nothing was written');
  return response;
}

const versions = (written: readonly DiscoveryResponse[]) => written.map(({ versionInfo }) => versionInfo);

describe('an ADS stream', () => {
  it('answers the first request of a type, whatever nonce it carries, and echoes the type', () => {
    const { stream, written, events } = mockStream();
    stream.receive(request('a', { responseNonce: '2026-01-01 00:00:00 m=+0.1', versionInfo: '' }));
    stream.receive(request('b'));
    assert.deepEqual(
      written.map(({ typeUrl }) => typeUrl),
      ['a', 'b'],
    );
    assert.deepEqual(events, ['initial a', 'initial b']);
  });

  it('answers a type that has no state yet as soon as it has one, and never before', () => {
    const { stream, content, written } = mockStream();
    stream.receive(request('late'));
    stream.receive(request('late'));
    stream.changed();
    assert.deepEqual(written, []);
    assert.deepEqual(stream.types(), [{ typeUrl: 'late', state: 'waiting' }]);
    content.revise('late');
    stream.changed();
    assert.deepEqual(versions(written), ['v1']);
  });

  it('writes a change to an idle stream at once, and to a busy one the newest state after its ack', () => {
    const { stream, content, written } = mockStream();
    stream.receive(request('a'));
    const first = last(written);
    for (let i = 0; i < 3; i++) {
      content.revise('a');
      stream.changed();
    }
    assert.deepEqual(versions(written), ['v0']);
    stream.receive(ack(first));
    assert.deepEqual(versions(written), ['v0', 'v3']);
    stream.receive(ack(last(written)));
    assert.equal(written.length, 2);
    content.revise('a');
    stream.changed();
    assert.deepEqual(versions(written), ['v0', 'v3', 'v4']);
  });

  it('does not take a stale or a strange nonce for an ack', () => {
    const { stream, content, written, events } = mockStream();
    stream.receive(request('a'));
    const first = last(written);
    stream.receive(ack(first));
    content.revise('a');
    stream.changed();
    content.revise('a');
    stream.changed();
    stream.receive(ack(first));
    stream.receive(request('a', { responseNonce: 'junk' }));
    stream.receive(request('a'));
    assert.deepEqual(versions(written), ['v0', 'v1']);
    assert.deepEqual(events.slice(-3), ['stale a', 'stale a', 'stale a']);
  });

  it('does not repeat what was refused, and tells why it was; the next state goes out', () => {
    const { stream, content, written, events } = mockStream();
    stream.receive(request('a'));
    stream.receive(nack(last(written), 'no such field'));
    stream.changed();
    assert.equal(written.length, 1);
    assert.ok(events.includes('nacked a: no such field'));
    assert.deepEqual(stream.types(), [
      { typeUrl: 'a', state: 'nacked', version: 'v0', nonce: 'a#0', error: 'no such field' },
    ]);
    content.revise('a');
    stream.changed();
    assert.deepEqual(versions(written), ['v0', 'v1']);
  });

  it('makes no bytes that it does not write', () => {
    const { stream, content, written } = mockStream();
    stream.receive(request('a'));
    for (let i = 0; i < 10; i++) {
      content.revise('a');
      stream.changed();
    }
    stream.receive(ack(last(written)));
    assert.equal(content.encoded, 2);
  });

  it('ends when a response is not answered in time, and not a moment before', async () => {
    const { stream, written, clock, ends, events } = mockStream({ ackTimeoutMs: 1000 });
    stream.receive(request('a'));
    stream.receive(request('b'));
    await clock.advance(500);
    const [a, b] = written;
    assert.ok(a && b);
    stream.receive(ack(a));
    assert.ok(events.includes('acked a after 500'));
    await clock.advance(499);
    assert.deepEqual(ends, []);
    await clock.advance(1);
    assert.deepEqual(ends, ['UNAVAILABLE: no answer to b within 1000 ms']);
    assert.ok(events.includes('ended UNAVAILABLE'));
    assert.equal(clock.sleepers, 0);
  });

  it('holds no timer and takes nothing more when it is over', async () => {
    for (const over of ['close', 'end'] as const) {
      const { stream, written, clock, ends, content } = mockStream();
      stream.receive(request('a'));
      if (over === 'close') stream.close();
      else stream.end('UNAVAILABLE', 'bye');
      await clock.advance(0);
      assert.equal(clock.sleepers, 0);
      stream.receive(request('b'));
      stream.receive(Buffer.from('garbage'));
      content.revise('a');
      stream.changed();
      stream.end('UNAVAILABLE', 'again');
      assert.equal(written.length, 1);
      assert.deepEqual(ends, over === 'close' ? ['UNAVAILABLE: again'].slice(1) : ['UNAVAILABLE: bye']);
    }
  });

  it('ends on bytes that are no request, and on more types than it may have', () => {
    const garbage = mockStream();
    garbage.stream.receive(Buffer.from([0xff, 0xff, 0xff]));
    assert.deepEqual(garbage.ends, ['INVALID_ARGUMENT: the request is no DiscoveryRequest']);
    const greedy = mockStream({ maxTypes: 2 });
    for (const typeUrl of ['a', 'b', 'c']) greedy.stream.receive(request(typeUrl));
    assert.deepEqual(greedy.ends, ['RESOURCE_EXHAUSTED: more than 2 types on one stream']);
    assert.equal(greedy.written.length, 2);
  });

  it('remembers the node of the first request that has one', () => {
    const { stream } = mockStream();
    const node = (id: string) => ({ id, cluster: '', locality: undefined, userAgentName: '' });
    stream.receive(request('a'));
    stream.receive(request('b', { node: node('istiod-1') }));
    stream.receive(request('c', { node: node('other') }));
    assert.equal(stream.node.id, 'istiod-1');
  });
});
