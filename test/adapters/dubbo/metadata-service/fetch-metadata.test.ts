import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from 'node:net';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import type { MetadataServiceAddress } from '../../../../adapters/dubbo/application-instance.js';
import { MetadataError } from '../../../../adapters/dubbo/metadata-info.js';
import { fetchMetadata } from '../../../../adapters/dubbo/metadata-service/fetch-metadata.js';
import { Secret } from '../../../../core/plugin/index.js';
import { MetadataInfoV2, MetadataRequest, TripleResponseWrapper } from '../../../../proto/gen/dubbo_metadata.js';
import { poll } from '../../../support/poll.js';
import { applicationInstance } from '../make.js';

// What no real provider can be made to do: answers that are wrong, too long, or never end.

const instance = (port: number, protocol: string, more: Partial<MetadataServiceAddress> = {}) =>
  applicationInstance({ address: '127.0.0.1', metadataService: { protocol, port, version: '', ...more } });
const ask = (of: ReturnType<typeof instance>, signal = AbortSignal.timeout(10_000)) =>
  fetchMetadata(of, { maxAnswerBytes: 4096, signal });

describe('fetchMetadata over the dubbo protocol', () => {
  let server: TcpServer;
  let port: number;
  const sockets = new Set<Socket>();
  let answer: (socket: Socket) => void;
  beforeEach(async () => {
    answer = () => undefined;
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    await poll(() => sockets.size === 0, { what: 'the client to close its connection' });
    server.close();
    await once(server, 'close');
  });

  function frame(body: string, code = 20): Buffer {
    const head = Buffer.from('dabb02000000000000000001', 'hex');
    head[3] = code;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(body, 'latin1'));
    return Buffer.concat([head, length, Buffer.from(body, 'latin1')]);
  }

  it('reads an answer, and closes the connection', async () => {
    const body = '\x91H\x08revision\x02r1\x08servicesH\x01aH\x04name\x01i\x08protocol\x05dubbo\x04port\xd4\x51\x90ZZZ';
    answer = (socket) => socket.write(frame(body));
    const { services } = await ask(instance(port, 'dubbo'));
    assert.deepEqual(
      services.map(({ interfaceName, protocol, port: number }) => [interfaceName, protocol, number]),
      [['i', 'dubbo', 20880]],
    );
  });

  it('fails with the reason for everything else', async () => {
    const cases: [Buffer | 'close', RegExp][] = [
      ['close', /closed the connection/],
      [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /does not speak the dubbo protocol/],
      [frame('x'.repeat(5000)), /longer than 4096 bytes/],
      [frame('\x92'), /revision r1 is not known/],
      [frame('\x91N'), /revision r1 is not known/],
      [frame('\x91H\x08revision\x02r9Z'), /r9 came back/],
      [frame('\x91W'), /cannot be read/],
      [frame('\x91'.padEnd(3000, 'W')), /nested too deeply/],
      [frame(''), /cannot be read/],
      [frame('\x1bpassword=S3CRET&other\u0007', 70), /status 70|cannot be read/],
      [frame('\x90C\x01E\x91\x0ddetailMessage\x60\x0fpassword=S3CRET'), /MetadataService failed: password=\[secret\]/],
      [frame('T'), /does not say what it is/],
    ];
    for (const [bytes, expected] of cases) {
      answer = (socket) => (bytes === 'close' ? socket.end() : socket.write(bytes));
      await assert.rejects(ask(instance(port, 'dubbo')), (error: Error) => {
        assert.ok(error instanceof MetadataError, String(error));
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /S3CRET/);
        return true;
      });
    }
  });

  it('ends at once when it is not wanted any more', async () => {
    const stop = new AbortController();
    answer = (socket) => {
      socket.write(frame('\x91H').subarray(0, 17));
      stop.abort(new Error('enough'));
    };
    await assert.rejects(ask(instance(port, 'dubbo'), stop.signal), /enough/);
    await assert.rejects(ask(instance(port, 'dubbo'), stop.signal), /enough/);
  });

  it('ends when a gRPC call hangs there, as it does on a dubbo port', async () => {
    await assert.rejects(ask(instance(port, 'tri', { version: '2.0.0' }), AbortSignal.timeout(200)), /timeout/i);
  });
});

describe('fetchMetadata over gRPC', () => {
  let server: Server;
  let port: number;
  let v2: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;
  let wrapper: typeof v2;
  beforeEach(async () => {
    server = new Server();
    const same = (bytes: Buffer) => bytes;
    const method = (path: string) => ({
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    });
    const base = '/org.apache.dubbo.metadata';
    server.addService(
      {
        v2: method(`${base}.MetadataServiceV2/GetMetadataInfo`),
        wrapper: method(`${base}.MetadataService/getMetadataInfo`),
      },
      {
        v2: ((call: never, done: never) => v2(call, done)) as UntypedHandleCall,
        wrapper: ((call: never, done: never) => wrapper(call, done)) as UntypedHandleCall,
      },
    );
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
  });
  afterEach(() => server.forceShutdown());

  const info = (version: string) => Buffer.from(MetadataInfoV2.encode({ app: 'shop', version, services: {} }).finish());
  const viaV2 = () => instance(port, 'tri', { version: '2.0.0' });

  it('asks with the revision, the application as group, and the credentials that are announced', async () => {
    let seen: unknown;
    v2 = ({ request, metadata }, done) => {
      seen = [
        MetadataRequest.decode(request).revision,
        metadata.get('tri-service-group'),
        metadata.get('authorization'),
      ];
      done(null, info('r1'));
    };
    await ask(viaV2());
    assert.deepEqual(seen, ['r1', ['shop'], []]);
    await ask(instance(port, 'tri', { version: '2.0.0', basicAuth: new Secret('me:pw') }));
    assert.deepEqual(seen, ['r1', ['shop'], [`Basic ${Buffer.from('me:pw').toString('base64')}`]]);
  });

  it('fails with the reason for everything else', async () => {
    const rejects = (of: ReturnType<typeof instance>, expected: RegExp) =>
      assert.rejects(ask(of), (error: Error) => {
        assert.ok(error instanceof MetadataError, String(error));
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /S3CRET/);
        return true;
      });
    v2 = (_, done) => done(null, info('r9'));
    await rejects(viaV2(), /r9 came back/);
    v2 = (_, done) => done(null, Buffer.from('ffffff', 'hex'));
    await rejects(viaV2(), /no protobuf/);
    v2 = (_, done) => done(null, Buffer.alloc(5000));
    await rejects(viaV2(), /longer than 4096 bytes/);
    v2 = (_, done) => done({ code: status.INVALID_ARGUMENT, details: 'password=S3CRET' });
    await rejects(viaV2(), /INVALID_ARGUMENT: password=\[secret\]/);
    const wrapped = (serializeType: string, data: string) =>
      Buffer.from(
        TripleResponseWrapper.encode({ serializeType, data: Buffer.from(data, 'latin1'), type: '' }).finish(),
      );
    for (const [bytes, expected] of [
      [wrapped('hessian4', ''), /not known/],
      [wrapped('hessian4', 'N'), /not known/],
      [wrapped('hessian4', 'W'.repeat(2000)), /nested too deeply/],
      [wrapped('fastjson2', '{}'), /another form than Hessian/],
      [Buffer.from('ffffff', 'hex'), /no protobuf/],
    ] as const) {
      wrapper = (_, done) => done(null, bytes);
      await rejects(instance(port, 'tri'), expected);
    }
  });

  it('ends at once when it is not wanted any more', async () => {
    const stop = new AbortController();
    v2 = () => stop.abort(new Error('enough'));
    await assert.rejects(ask(viaV2(), stop.signal), /enough/);
  });
});
