import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { ack, nack, request } from '../support/ads-peer.js';
import { mockStream } from '../support/mock-stream.js';

const types = ['a', 'b', 'late-1', 'late-2'];
const typeUrl = fc.constantFrom(...types);
const step = fc.oneof(
  fc.record({ kind: fc.constant('subscribe' as const), typeUrl, responseNonce: fc.constantFrom('', 'junk') }),
  fc.record({ kind: fc.constantFrom('ack' as const, 'nack' as const, 'stale' as const), typeUrl }),
  fc.record({ kind: fc.constantFrom('revise' as const, 'change' as const), typeUrl }),
);

/** What the peer saw of one type. */
class Model {
  readonly seen: DiscoveryResponse[] = [];
  subscribed = false;
  answered = true;
}

describe('an ADS stream, in any order of requests, answers and changes', () => {
  it('has one response in flight a type, each newer than the last, and in the end the newest', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { stream, content, written, ends } = mockStream();
        const models = new Map(types.map((type) => [type, new Model()]));
        const modelOf = (type: string): Model => models.get(type) ?? assert.fail(type);
        const read = (allowed: ReadonlySet<string>) => {
          for (const response of written.splice(0)) {
            const model = modelOf(response.typeUrl);
            assert.ok(allowed.has(response.typeUrl), `${response.typeUrl} was written out of turn`);
            assert.ok(model.subscribed, 'written before it was asked for');
            assert.ok(model.answered, 'written while another is in flight');
            assert.ok(!model.seen.some(({ nonce }) => nonce === response.nonce), 'a nonce twice');
            assert.equal(response.versionInfo, `v${content.newest(response.typeUrl)}`, 'not the newest state');
            model.seen.push(response);
            model.answered = false;
          }
        };
        const all = new Set(types);
        for (const now of steps) {
          const model = modelOf(now.typeUrl);
          const response = model.seen.at(-1);
          const own = new Set([now.typeUrl]);
          if (now.kind === 'subscribe') {
            const first = !model.subscribed;
            model.subscribed = true;
            stream.receive(request(now.typeUrl, { responseNonce: now.responseNonce }));
            read(first ? own : new Set());
            if (first) assert.equal(model.seen.length, content.newest(now.typeUrl) === undefined ? 0 : 1);
          } else if (now.kind === 'revise') {
            content.revise(now.typeUrl);
          } else if (now.kind === 'change') {
            stream.changed();
            read(all);
          } else if (now.kind === 'stale') {
            const [old] = model.seen;
            if (!old || old === response) continue;
            stream.receive(ack(old));
            read(new Set());
          } else if (response && !model.answered) {
            model.answered = true;
            stream.receive(now.kind === 'ack' ? ack(response) : nack(response, 'no'));
            read(own);
          }
        }
        // Once all is answered, the peer has the newest of everything it asked for.
        for (let round = 0; round < 3; round++) {
          stream.changed();
          read(all);
          for (const model of models.values()) {
            const response = model.seen.at(-1);
            if (!response || model.answered) continue;
            model.answered = true;
            stream.receive(ack(response));
            read(new Set([response.typeUrl]));
          }
        }
        for (const [type, model] of models) {
          const newest = content.newest(type);
          const expected = model.subscribed && newest !== undefined ? `v${newest}` : undefined;
          assert.equal(model.seen.at(-1)?.versionInfo, expected);
        }
        assert.deepEqual(ends, []);
        stream.close();
      }),
      { numRuns: 1000 },
    );
  });

  it('never throws, whatever bytes come between', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 40 }),
            typeUrl.map((type) => request(type)),
          ),
        ),
        (list) => {
          const { stream, ends } = mockStream();
          for (const bytes of list) stream.receive(bytes);
          assert.ok(ends.length <= 1);
          stream.close();
        },
      ),
    );
  });
});
