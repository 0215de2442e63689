import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameSplitter } from '../../../adapters/zookeeper/frame-splitter.js';
import {
  decodeChildren,
  decodeData,
  decodeStat,
  decodeToken,
  PathRequest,
  PingRequest,
  replyHeaderBytes,
} from '../../../adapters/zookeeper/jute.js';
import { decodeManyChildren, decodeStats, MultiReadRequest } from '../../../adapters/zookeeper/multi-read.js';
import { ZookeeperError } from '../../../adapters/zookeeper/zookeeper-error.js';

function frame(body: Buffer): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(body.length);
  return Buffer.concat([prefix, body]);
}

function collect(maxBytes: number) {
  const frames: { bytes: Buffer; truncated: boolean }[] = [];
  const splitter = new FrameSplitter(maxBytes, (bytes, truncated) =>
    frames.push({ bytes: Buffer.from(bytes), truncated }),
  );
  return { frames, splitter };
}

describe('FrameSplitter', () => {
  it('gives the frames that were sent, however the bytes are cut', () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 12 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
        const expected = sent.map((body) => frame(Buffer.from(body)));
        const stream = Buffer.concat(expected);
        const { frames, splitter } = collect(1000);
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          splitter.push(stream.subarray(at, at + cut));
          at = Math.min(stream.length, at + cut);
        }
        assert.deepEqual(
          frames,
          expected.map((bytes) => ({ bytes, truncated: false })),
        );
      }),
    );
  });

  it('skips a frame that is too long but for its head, and goes on with the next', () => {
    const long = frame(Buffer.alloc(5000, 7));
    const next = frame(Buffer.from('next'));
    const stream = Buffer.concat([next, long, next]);
    for (const size of [1, 3, 19, 20, 21, 4096, stream.length]) {
      const { frames, splitter } = collect(100);
      for (let at = 0; at < stream.length; at += size) splitter.push(stream.subarray(at, at + size));
      assert.deepEqual(
        frames.map(({ bytes, truncated }) => [bytes.length, truncated]),
        [
          [8, false],
          [20, true],
          [8, false],
        ],
        `in chunks of ${size}`,
      );
    }
  });

  it('refuses a length that is none', () => {
    for (const size of [0, -1, -2147483648, Buffer.from('HTTP').readInt32BE()]) {
      const prefix = Buffer.alloc(4);
      prefix.writeInt32BE(size);
      assert.throws(() => collect(100).splitter.push(prefix), ZookeeperError);
    }
  });
});

describe('jute', () => {
  it('writes the requests as ZooKeeper reads them', () => {
    const request = PathRequest.getChildren('/dubbo', true);
    request.header.xid = 5;
    assert.equal(request.toBuffer().toString('hex'), '00000013000000050000000c000000062f647562626f01');
    assert.equal(
      PathRequest.addRecursiveWatch('/é').toBuffer().toString('hex'),
      '00000013000000000000006a000000032fc3a900000001',
    );
    assert.equal(new PingRequest().toBuffer().toString('hex'), '00000008fffffffe0000000b');
  });

  it('reads children and the stamp behind them', () => {
    const names = ['a', 'ünï', ''];
    const vector = names.map((name) => frame(Buffer.from(name)));
    const count = Buffer.alloc(4);
    count.writeInt32BE(names.length);
    const stat = Buffer.alloc(68);
    stat.writeBigInt64BE(11n, 0);
    stat.writeBigInt64BE(12n, 8);
    stat.writeBigInt64BE(33n, 44);
    stat.writeInt32BE(5, 56);
    stat.writeBigInt64BE(22n, 60);
    const reply = Buffer.concat([Buffer.alloc(replyHeaderBytes), count, ...vector, stat]);
    assert.deepEqual(decodeChildren(reply), { names, stamp: '11-22' });
    const expected = { czxid: 11n, mzxid: 12n, pzxid: 22n, ephemeralOwner: 33n, childCount: 5 };
    assert.deepEqual(decodeStat(Buffer.concat([Buffer.alloc(replyHeaderBytes), stat])), expected);
    const data = Buffer.concat([Buffer.alloc(replyHeaderBytes), frame(Buffer.from('dàta')), stat]);
    assert.deepEqual(decodeData(data), { data: Buffer.from('dàta'), stat: expected });
    const none = Buffer.concat([Buffer.alloc(replyHeaderBytes), Buffer.from('ffffffff', 'hex'), stat]);
    assert.equal(decodeData(none).data.length, 0);
    assert.equal(decodeToken(data).toString(), 'dàta');
  });

  /** Parts of the answer to a request for many. */
  const header = (type: string) => Buffer.from(`${type}00ffffffff`, 'hex');
  const error = (code: string) => Buffer.concat([header('ffffffff'), Buffer.from(code, 'hex')]);
  const [noNode, noAuth] = [error('ffffff9b'), error('ffffff9a')];
  const end = Buffer.from('ffffffff01ffffffff', 'hex');

  it('asks for many states in one request, and reads what is told of each', () => {
    assert.equal(
      MultiReadRequest.stats(['/a', '/ü']).toBuffer().toString('hex'),
      // header; two operations: getData, not done, -1, path, no watch; the end: -1, done, -1
      '000000320000000000000016' +
        `${'0000000400ffffffff'}${'000000022f61'}00` +
        `${'0000000400ffffffff'}${'000000032fc3bc'}00` +
        'ffffffff01ffffffff',
    );
    const stat = Buffer.alloc(68);
    stat.writeBigInt64BE(11n, 0);
    stat.writeInt32BE(2, 56);
    const there = Buffer.concat([header('00000004'), frame(Buffer.from('some')), stat]);
    const reply = Buffer.concat([Buffer.alloc(replyHeaderBytes), noNode, there, noAuth, end]);
    const found = { czxid: 11n, mzxid: 0n, pzxid: 0n, ephemeralOwner: 0n, childCount: 2 };
    assert.deepEqual(decodeStats(reply, 3), [undefined, found, 'refused']);
    assert.throws(() => decodeStats(reply, 4), ZookeeperError);
  });

  it('asks for the children of many nodes in one request, each after its state, and reads what is told of each', () => {
    assert.equal(
      MultiReadRequest.children(['/a', '/ü']).toBuffer().toString('hex'),
      '000000530000000000000016' +
        `${'0000000400ffffffff'}${'000000022f61'}00${'0000000800ffffffff'}${'000000022f61'}00` +
        `${'0000000400ffffffff'}${'000000032fc3bc'}00${'0000000800ffffffff'}${'000000032fc3bc'}00` +
        'ffffffff01ffffffff',
    );
    const stat = Buffer.alloc(68);
    stat.writeBigInt64BE(11n, 0);
    stat.writeBigInt64BE(22n, 60);
    const state = Buffer.concat([header('00000004'), frame(Buffer.from('some')), stat]);
    const names = [frame(Buffer.from('ö')), frame(Buffer.from('b'))];
    const list = Buffer.concat([header('00000008'), Buffer.from('00000002', 'hex'), ...names]);
    const results = [state, list, noNode, noNode, noAuth, noAuth, state, noNode, noNode, list, state, noAuth];
    const reply = Buffer.concat([Buffer.alloc(replyHeaderBytes), ...results, end]);
    const found = { names: ['ö', 'b'], stamp: '11-22' };
    // What is there in one of two readings came or went between them.
    assert.deepEqual(decodeManyChildren(reply, 6), [found, undefined, 'refused', 'refused', 'refused', 'refused']);
    assert.throws(() => decodeManyChildren(reply, 7), ZookeeperError);
  });

  it('refuses replies that end too early or lie about lengths, and throws nothing else', () => {
    const lies = Buffer.alloc(replyHeaderBytes + 8);
    lies.writeInt32BE(2147483647, replyHeaderBytes);
    lies.writeInt32BE(-100, replyHeaderBytes + 4);
    assert.throws(() => decodeChildren(lies), ZookeeperError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decodeThree = (frame: Buffer) => decodeStats(frame, 3);
        const decodeTwo = (frame: Buffer) => decodeManyChildren(frame, 2);
        for (const decode of [decodeChildren, decodeStat, decodeData, decodeToken, decodeThree, decodeTwo]) {
          try {
            decode(Buffer.from(bytes));
          } catch (error) {
            assert.ok(error instanceof ZookeeperError, String(error));
          }
        }
      }),
    );
  });
});
