import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MetadataError } from '../../../../adapters/dubbo/metadata-info.js';
import { metadataRequest, ResponseFinder } from '../../../../adapters/dubbo/metadata-service/dubbo-frame.js';

function frame(flags: number, status: number, id: number, body: string): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(0xdabb);
  head[2] = flags;
  head[3] = status;
  head.writeBigUInt64BE(BigInt(id), 4);
  head.writeUInt32BE(body.length, 12);
  return Buffer.concat([head, Buffer.from(body)]);
}

describe('the frames of the dubbo protocol', () => {
  it('ask as Dubbo does', () => {
    const request = metadataRequest('shop', 'abc', 7);
    assert.equal(
      request.subarray(0, 16).toString('hex'),
      `dabbc200${'0'.repeat(15)}7${(request.length - 16).toString(16).padStart(8, '0')}`,
    );
    const words = request
      .subarray(16)
      .toString('latin1')
      .split(/[^\x20-\x7e]/)
      .filter((word) => word !== '');
    const service = 'org.apache.dubbo.metadata.MetadataService';
    for (const word of ['2.0.2', service, '1.0.0', 'getMetadataInfo', 'Ljava/lang/String;', 'abc', 'group', 'shopZ']) {
      assert.ok(
        words.some((text) => text.includes(word)),
        word,
      );
    }
  });

  it('are found however the bytes are cut, past heart-beats and other answers', () => {
    const bytes = Buffer.concat([
      frame(0xe2, 0, 3, 'N'),
      frame(0x22, 20, 1, 'N'),
      frame(2, 20, 9, 'other'),
      frame(2, 20, 1, 'answer'),
      frame(2, 20, 1, 'late'),
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sizes) => {
        const finder = new ResponseFinder(1, 1000);
        let found: unknown;
        for (let at = 0, turn = 0; at < bytes.length && !found; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          found = finder.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(found, { status: 20, body: Buffer.from('answer') });
      }),
    );
  });

  it('are refused when they are too long, of another protocol, or another serialization', () => {
    assert.throws(() => new ResponseFinder(1, 5).push(frame(2, 20, 1, 'longer')), MetadataError);
    assert.throws(() => new ResponseFinder(1, 5).push(Buffer.from('HTTP/1.1 400 Bad Request\r\n')), MetadataError);
    assert.throws(() => new ResponseFinder(1, 5).push(frame(6, 20, 1, 'json')), MetadataError);
  });

  it('throw nothing else, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.boolean(), (chunks, isDubbo) => {
        const finder = new ResponseFinder(1, 30);
        try {
          if (isDubbo) finder.push(Buffer.from([0xda, 0xbb]));
          for (const chunk of chunks) finder.push(Buffer.from(chunk));
        } catch (error) {
          assert.ok(error instanceof MetadataError);
        }
      }),
    );
  });
});
