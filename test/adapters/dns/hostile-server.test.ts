import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { Resolver } from '../../../adapters/dns/resolver.js';
import { activeResources, assertNoLeaks } from '../../../testkit/index.js';

/** A server that answers with bytes of the test's choice: no real one can be made to. */
describe('adapters/dns: servers that answer with nonsense', () => {
  let udp: Socket;
  let tcp: Server;
  let port: number;
  let answer: (query: Buffer) => readonly Buffer[];
  let answerTcp: (query: Buffer) => Buffer;

  beforeEach(async () => {
    answerTcp = () => Buffer.alloc(0);
    tcp = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (query) => socket.end(answerTcp(query.subarray(2))));
    });
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    port = (tcp.address() as { port: number }).port;
    udp = createSocket('udp4');
    udp.on('message', (query, { port: to }) => {
      for (const bytes of answer(query)) udp.send(bytes, to, '127.0.0.1');
    });
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
  });
  afterEach(() => {
    udp.close();
    tcp.close();
  });

  const resolve = (signal = new AbortController().signal, timeoutMs = 20_000) =>
    new Resolver({
      servers: [{ host: '127.0.0.1', port }],
      timeoutMs,
      attempts: 1,
      maxConcurrentQueries: 4,
    }).resolve('a.test', 'A', signal);
  /** The query as an answer with these flags and one A record. */
  const reply = (query: Buffer, { flags = 0x8180, id = query.readUInt16BE(0), records = 1 } = {}) => {
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(id, 0);
    head.writeUInt16BE(flags, 2);
    head.writeUInt16BE(records, 6);
    head.writeUInt16BE(0, 10);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 0, 0, 1]);
    return Buffer.concat([head, query.subarray(12, 24), record]);
  };

  it('takes the answer to its own question alone, whatever else arrives', async () => {
    answer = (query) => [
      reply(query, { id: query.readUInt16BE(0) ^ 1 }),
      reply(query, { flags: 0x0100 }),
      Buffer.concat([reply(query).subarray(0, 13), Buffer.from('b'), reply(query).subarray(14)]),
      reply(query),
    ];
    const resolution = await resolve();
    assert.equal(resolution.kind, 'records');
  });

  for (const [what, answers, said] of [
    ['bytes that are no message', () => [Buffer.from('hello')], /shorter than its header/],
    [
      'a flood of answers to others',
      (q: Buffer) => new Array(150).fill(reply(q, { id: q.readUInt16BE(0) ^ 1 })),
      /too many|no answer/,
    ],
    ['a record that is cut off', (q: Buffer) => [reply(q, { records: 2 })], /cut off/],
    ['a code that nobody knows', (q: Buffer) => [reply(q, { flags: 0x818b })], /code 11/],
    ['a cut answer, and nothing over TCP', (q: Buffer) => [reply(q, { flags: 0x8380 })], /closed before the answer/],
  ] as const) {
    it(`fails, and says why: ${what}`, async () => {
      answer = answers;
      await assert.rejects(resolve(), said);
    });
  }

  it('fails, and says why: no answer', async () => {
    answer = () => [];
    await assert.rejects(resolve(undefined, 200), /no answer within 200 ms/);
  });

  it('does not go round when the answer over TCP is cut too, or to another question', async () => {
    answer = (query) => [reply(query, { flags: 0x8380 })];
    const framed = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
    answerTcp = (query) => framed(reply(query, { flags: 0x8380 }));
    await assert.rejects(resolve(), /cut off over TCP too/);
    answerTcp = (query) => framed(reply(query, { id: query.readUInt16BE(0) ^ 1 }));
    await assert.rejects(resolve(), /another query/);
    answerTcp = () => Buffer.from([0xff, 0xff, 1, 2, 3]);
    await assert.rejects(resolve(), /closed before the answer/);
  });

  it('ends at once when it is told to, and leaves nothing open', async () => {
    answer = () => [];
    const before = await activeResources();
    const controller = new AbortController();
    const pending = assert.rejects(resolve(controller.signal), /enough/);
    setImmediate(() => controller.abort(new Error('enough')));
    await pending;
    await assertNoLeaks(before);
  });
});
