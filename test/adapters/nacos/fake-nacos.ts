import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { Payload } from '../../../proto/gen/nacos.js';

export type Body = Readonly<Record<string, unknown>>;
type Stream = ServerDuplexStream<Buffer, Buffer>;

/** What the fake does with a request of one type: an answer, nothing at all, or `undefined` for the ordinary answer. */
export type Script = (body: Body) => Body | 'silence' | undefined | Promise<Body | 'silence' | undefined>;

/**
 * The gRPC half of a Nacos server, for faults that no real one can be made to show. It holds instances by
 * `group@@service`, answers as Nacos does, and lets a test replace the answer to any type of request.
 */
export class FakeNacos {
  readonly services = new Map<string, readonly Body[]>();
  readonly scripts = new Map<string, Script>();
  /** Types of all requests and answers of the client, in order, with their bodies. */
  readonly received: { readonly type: string; readonly body: Body }[] = [];
  /** What the server says of itself; undefined for one that is older than that. */
  abilities: Body | undefined = {};
  readonly #server = new Server();
  readonly #streams = new Set<Stream>();
  #pushes = 0;
  port = 0;

  static async start(): Promise<FakeNacos> {
    const fake = new FakeNacos();
    const same = (bytes: Buffer) => bytes;
    const codec = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    const unary = { path: '/Request/request', requestStream: false, responseStream: false, ...codec };
    const duplex = { path: '/BiRequestStream/requestBiStream', requestStream: true, responseStream: true, ...codec };
    fake.#server.addService(
      { request: unary, requestBiStream: duplex },
      {
        request: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => fake.#request(call, done),
        requestBiStream: (stream: Stream) => fake.#stream(stream),
      },
    );
    fake.port = await new Promise((resolve, reject) => {
      fake.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    return fake;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  get connections(): number {
    return this.#streams.size;
  }

  count(type: string): number {
    return this.received.filter((message) => message.type === type).length;
  }

  push(type: string, body: Body): void {
    this.pushBytes(encode(type, { ...body, requestId: String(++this.#pushes) }));
  }

  pushBytes(bytes: Buffer): void {
    for (const stream of this.#streams) stream.write(bytes);
  }

  pushService(key: string, hosts = this.services.get(key) ?? []): void {
    this.push('NotifySubscriberRequest', { serviceInfo: serviceInfo(key, hosts) });
  }

  #stream(stream: Stream): void {
    this.#streams.add(stream);
    stream.on('data', (bytes: Buffer) => {
      const message = decode(bytes);
      this.received.push(message);
      if (message.type === 'ConnectionSetupRequest' && this.abilities) {
        stream.write(encode('SetupAckRequest', { abilityTable: this.abilities }));
      }
    });
    const gone = () => this.#streams.delete(stream);
    stream.on('cancelled', gone);
    stream.on('close', gone);
    stream.on('end', () => {
      gone();
      stream.end();
    });
  }

  async #request(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): Promise<void> {
    const { type, body } = decode(call.request);
    this.received.push({ type, body });
    const answer = (await this.scripts.get(type)?.(body)) ?? this.#answer(type, body);
    if (answer !== 'silence') done(null, encode(type.replace(/Request$/, 'Response'), { resultCode: 200, ...answer }));
  }

  #answer(type: string, body: Body): Body {
    const key = `${String(body['groupName'])}@@${String(body['serviceName'])}`;
    switch (type) {
      case 'ServerCheckRequest':
        return { connectionId: 'c', supportAbilityNegotiation: this.abilities !== undefined };
      case 'ServiceListRequest': {
        const names = [...this.services.keys()].map((name) => name.split('@@')[1]);
        const [pageNo, pageSize] = [Number(body['pageNo']), Number(body['pageSize'])];
        return { count: names.length, serviceNames: names.slice((pageNo - 1) * pageSize, pageNo * pageSize) };
      }
      case 'SubscribeServiceRequest':
      case 'ServiceQueryRequest':
        return { serviceInfo: serviceInfo(key, this.services.get(key) ?? []) };
      default:
        return {};
    }
  }
}

export function host(ip: string, change: Body = {}): Body {
  return { ip, port: 80, weight: 1, healthy: true, enabled: true, ephemeral: true, clusterName: 'DEFAULT', ...change };
}

export function refusal(errorCode: number, message = 'refused'): Body {
  return { resultCode: 500, errorCode, message };
}

function serviceInfo(key: string, hosts: readonly Body[]): Body {
  const [groupName, name] = key.split('@@');
  return { name, groupName, hosts };
}

function encode(type: string, body: Body): Buffer {
  const value = Buffer.from(JSON.stringify(body));
  return Buffer.from(
    Payload.encode({ metadata: { type, headers: {}, clientIp: '' }, body: { typeUrl: '', value } }).finish(),
  );
}

function decode(bytes: Buffer): { type: string; body: Body } {
  const { metadata, body } = Payload.decode(bytes);
  return { type: metadata?.type ?? '', body: JSON.parse(body?.value.toString() ?? '{}') as Body };
}
