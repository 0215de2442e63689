import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import { Payload } from '../../proto/gen/nacos.js';
import { poll } from './poll.js';

/** An instance as Nacos takes it; what is left out has Nacos's default. */
export interface NacosInstance {
  readonly ip: string;
  readonly port: number;
  /** 1 is ordinary. */
  readonly weight?: number;
  readonly healthy?: boolean;
  readonly enabled?: boolean;
  readonly clusterName?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface NacosServiceName {
  readonly service: string;
  readonly group?: string;
  readonly namespace?: string;
}

export interface NacosWriterOptions {
  readonly grpcPort: number;
  /** For every request, where the server asks for a login; a function where it must be renewed. */
  readonly accessToken?: string | (() => Promise<string>);
  /** What the application calls itself. */
  readonly app?: string;
}

type Body = Readonly<Record<string, unknown>>;

const timeoutMs = 10_000;

/**
 * Registers instances as Nacos's Java client of 2.x and 3.x does: ephemeral ones live as long as this one's connection,
 * and all that one connection has in a service go out as one batch, for a second registration would replace the first.
 */
export class NacosWriter {
  readonly #client: Client;
  readonly #accessToken: NacosWriterOptions['accessToken'];
  readonly #app: string | undefined;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #onPush: (type: string, body: Body) => void = () => undefined;

  private constructor({ grpcPort, accessToken, app }: NacosWriterOptions) {
    this.#client = new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#accessToken = accessToken;
    this.#app = app;
  }

  static async connect(options: NacosWriterOptions): Promise<NacosWriter> {
    const writer = new NacosWriter(options);
    await writer.#request('ServerCheckRequest', {});
    await writer.#openStream();
    // The server drops who was silent for 20 s, also one that answers when it asks.
    writer.#keepAlive = setInterval(() => writer.#request('HealthCheckRequest', {}).catch(() => undefined), 5000);
    writer.#keepAlive.unref();
    return writer;
  }

  /** Ends the connection: the server drops what was registered over it. */
  close(): void {
    clearInterval(this.#keepAlive);
    this.#stream?.cancel();
    this.#client.close();
  }

  /** Makes `instances` the ephemeral instances that this connection has in the service; none deregisters. */
  async set(name: NacosServiceName, instances: readonly NacosInstance[]): Promise<void> {
    const request = { ...naming(name), instances: instances.map((instance) => full(instance, true)) };
    if (instances.length > 0) {
      await this.#request('BatchInstanceRequest', { ...request, type: 'batchRegisterInstance' });
    } else {
      const instance = full({ ip: '127.0.0.1', port: 1 }, true);
      await this.#request('InstanceRequest', { ...naming(name), type: 'deregisterInstance', instance });
    }
  }

  /** As {@link set}, for a connection that has the service for itself; resolves when the server shows it to others. */
  async setVisibly(name: NacosServiceName, instances: readonly NacosInstance[]): Promise<void> {
    await this.set(name, instances);
    const wanted = instances.map((instance) => visible(full(instance, true))).sort(byAddress);
    await poll(async () => isDeepStrictEqual((await this.query(name)).map(visible).sort(byAddress), wanted), {
      timeoutMs,
      intervalMs: 20,
      what: `${name.service} to be visible`,
    });
  }

  /** Registers or deregisters an instance that outlives the connection. */
  async setPersistent(name: NacosServiceName, instance: NacosInstance, registered = true): Promise<void> {
    const type = registered ? 'registerInstance' : 'deregisterInstance';
    await this.#request('PersistentInstanceRequest', { ...naming(name), type, instance: full(instance, false) });
  }

  /** Writes a configuration of the public namespace; undefined removes it. */
  async setConfig(dataId: string, group: string, content: string | undefined): Promise<void> {
    const place = { module: 'config', tenant: '', group, dataId };
    if (content === undefined) await this.#request('ConfigRemoveRequest', place);
    else await this.#request('ConfigPublishRequest', { ...place, content });
  }

  /** Follows a service: `onPush` gets the type and body of each request that the server sends. */
  async subscribe(name: NacosServiceName, onPush: (type: string, body: Body) => void): Promise<void> {
    this.#onPush = onPush;
    await this.#request('SubscribeServiceRequest', { ...naming(name), subscribe: true, clusters: '' });
  }

  /** What the server answers to others. */
  async query(name: NacosServiceName): Promise<readonly Body[]> {
    const request = { ...naming(name), cluster: '', healthyOnly: false, udpPort: 0 };
    const answer = await this.#request('ServiceQueryRequest', request);
    return (answer['serviceInfo'] as { hosts: Body[] }).hosts;
  }

  async #request(type: string, body: Body): Promise<Body> {
    const accessToken = typeof this.#accessToken === 'function' ? await this.#accessToken() : this.#accessToken;
    const headers = {
      ...(accessToken === undefined ? {} : { accessToken }),
      ...(this.#app === undefined ? {} : { app: this.#app }),
    };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/Request/request',
        (payload: Buffer) => payload,
        (payload: Buffer) => payload,
        encode(type, { ...body, requestId: randomUUID() }, headers),
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, payload) => {
          if (error) return reject(error);
          const answer = decode(payload ?? Buffer.alloc(0)).body;
          if (answer['resultCode'] === 200) resolve(answer);
          else reject(new Error(`${type}: ${JSON.stringify(answer)}`));
        },
      );
    });
  }

  async #openStream(): Promise<void> {
    const stream = this.#client.makeBidiStreamRequest(
      '/BiRequestStream/requestBiStream',
      (payload: Buffer) => payload,
      (payload: Buffer) => payload,
      new Metadata(),
    );
    this.#stream = stream;
    stream.on('error', () => undefined); // the server went away, or close() cancelled it
    const acknowledged = new Promise<void>((resolve) => {
      stream.on('data', (payload: Buffer) => {
        const { type, body } = decode(payload);
        if (type === 'SetupAckRequest') return resolve();
        this.#onPush(type, body);
        stream.write(encode(type.replace(/Request$/, 'Response'), { requestId: body['requestId'], resultCode: 200 }));
      });
    });
    const labels = { source: 'sdk', module: 'naming' };
    stream.write(encode('ConnectionSetupRequest', { clientVersion: 'test', tenant: '', labels, abilityTable: {} }));
    await acknowledged;
  }
}

function naming({ service, group = 'DEFAULT_GROUP', namespace = 'public' }: NacosServiceName): Body {
  return { module: 'naming', namespace, groupName: group, serviceName: service };
}

function full(instance: NacosInstance, ephemeral: boolean): Body {
  return { weight: 1, healthy: true, enabled: true, clusterName: 'DEFAULT', metadata: {}, ...instance, ephemeral };
}

function visible({ ip, port, weight, healthy, clusterName, metadata }: Body): Body {
  return { ip, port, weight, healthy, clusterName, metadata };
}

function byAddress(a: Body, b: Body): number {
  const key = ({ ip, port }: Body) => `${String(ip)}:${String(port)}`;
  return key(a) < key(b) ? -1 : 1;
}

function encode(type: string, body: Body, headers: Readonly<Record<string, string>> = {}): Buffer {
  const value = Buffer.from(JSON.stringify(body));
  // As clients tell their own.
  const metadata = { type, headers, clientIp: '10.9.9.9' };
  return Buffer.from(Payload.encode({ metadata, body: { typeUrl: '', value } }).finish());
}

function decode(bytes: Buffer): { type: string; body: Body } {
  const { metadata, body } = Payload.decode(bytes);
  return { type: metadata?.type ?? '', body: JSON.parse(body?.value.toString() ?? '{}') as Body };
}
