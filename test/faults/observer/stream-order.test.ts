import assert from 'node:assert/strict';
import { DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { StreamOrder } from './stream-order.js';

function response(versionInfo: string, nonce: string, ...contents: string[]): DiscoveryResponse {
  const resources = contents.map((content) => ({ typeUrl: 't', value: Buffer.from(content) }));
  return DiscoveryResponse.fromPartial({ versionInfo, nonce, resources });
}

describe('the order of responses', () => {
  let order: StreamOrder;
  beforeEach(() => {
    order = new StreamOrder();
    order.begin();
    assert.equal(order.check(response('v1', 'n1', 'a', 'b')), undefined);
  });

  it('takes other contents under other versions, and a content that comes again', () => {
    assert.equal(order.check(response('v2', 'n2', 'a')), undefined);
    assert.equal(order.check(response('v1', 'n3', 'a', 'b')), undefined);
  });

  it('takes the nonces of an older stream again', () => {
    order.begin();
    assert.equal(order.check(response('v1', 'n1', 'a', 'b')), undefined);
  });

  it('finds a nonce that comes twice', () => {
    assert.equal(order.check(response('v2', 'n1', 'a')), 'nonce n1 came twice on one stream');
  });

  it('finds a version of two contents, and a content of two versions, over streams too', () => {
    order.begin();
    assert.equal(order.check(response('v1', 'n2', 'ab')), 'version v1 stands for two contents');
    assert.equal(order.check(response('v3', 'n3', 'a', 'b')), 'one content has versions v1, v3');
  });
});
