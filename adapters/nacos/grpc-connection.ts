import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import { formatHostPort, readTls, type TlsClient } from '../../core/plugin/index.js';
import type { ConnectionOptions, NacosConnection } from './connection.js';
import { HeldSockets } from './held-sockets.js';
import type { NacosMetrics } from './metrics.js';
import { isRefused, NacosError, toError } from './nacos-error.js';
import { decodeMessage, encodeMessage, type Message, maxMessageBytes } from './payload.js';
import type { NacosServer } from './server.js';
import type { RequestCredentials, SignedResource } from './signing.js';

const unaryPath = '/Request/request';
const streamPath = '/BiRequestStream/requestBiStream';
/** `NacosException.UN_REGISTER`: the server no longer knows this connection. */
const unregistered = 301;
const missedKeepAlives = 2;
const setupRetryMs = 50;

export interface GrpcConnectionOptions extends ConnectionOptions {
  readonly tls: TlsClient | undefined;
  readonly metrics: NacosMetrics;
  readonly requestTimeoutMs: number;
}

/**
 * One connection of Nacos's gRPC protocol, 2.0 and newer: requests as unary calls, pushes on a stream that belongs to
 * the same HTTP/2 connection. Follows `GrpcClient` and `RpcClient` of Nacos's own Java client.
 */
export class GrpcConnection implements NacosConnection {
  readonly protocol = 'grpc';
  readonly server: NacosServer;
  readonly #options: GrpcConnectionOptions;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #sockets: HeldSockets;
  readonly #lost = new AbortController();
  /** Whether the server has answered anything. */
  #isAnswered = false;
  #abilities: ReadonlySet<string> = new Set();
  #setUp: ((abilities: unknown) => void) | undefined;
  #redirect: string | undefined;

  private constructor(options: GrpcConnectionOptions, tls: ChannelCredentials, serverName: string | undefined) {
    this.server = options.server;
    this.#options = options;
    // Every request under way waits for it.
    setMaxListeners(0, this.lost);
    this.#sockets = new HeldSockets(tls);
    this.#client = new Client(`dns:${formatHostPort(options.server.grpc)}`, this.#sockets, {
      // A connection id belongs to one HTTP/2 connection: two clients on one would be mixed up.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    });
    this.#stream = this.#client.makeBidiStreamRequest(streamPath, same, same, new Metadata());
    this.#stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#stream.on('error', (error: ServiceError) => this.#lose(streamError(this.server, error.details)));
    this.#stream.on('end', () => this.#lose(streamError(this.server, 'the server ended it')));
  }

  /**
   * Connects and says hello. The caller closes it.
   *
   * @throws NacosError when the server is out of reach or does not speak the protocol; the signal's reason
   */
  static async open(options: GrpcConnectionOptions, signal: AbortSignal): Promise<GrpcConnection> {
    const { server } = options;
    const { serverName, ca, key, cert } = server.secure ? await readTls(options.tls, signal) : {};
    const channel = server.secure
      ? credentials.createSsl(ca ?? null, key ?? null, cert ?? null)
      : credentials.createInsecure();
    signal.throwIfAborted();
    const connection = new GrpcConnection(options, channel, serverName);
    const onAbort = () => connection.close(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await connection.#handshake();
      void connection.#keepAlive();
      return connection;
    } catch (error) {
      connection.close();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get redirect(): string | undefined {
    return this.#redirect;
  }

  can(ability: string): boolean {
    return this.#abilities.has(ability);
  }

  request(type: string, body: Readonly<Record<string, unknown>>): Promise<Message['body']> {
    return this.#options.credentials.authorized(resourceOf(type, body), (proof) => this.#request(type, body, proof));
  }

  close(reason: unknown = new Error('the connection was closed')): void {
    this.#lose(toError(reason));
  }

  async #request(type: string, body: Message['body'], proof?: RequestCredentials): Promise<Message['body']> {
    const { metrics } = this.#options;
    try {
      const answer = await this.#ask(type, body, proof);
      metrics.requested('grpc', 'ok');
      return answer;
    } catch (error) {
      metrics.requested('grpc', isRefused(error) ? 'refused' : 'failed');
      throw error;
    }
  }

  async #ask(type: string, body: Message['body'], proof: RequestCredentials | undefined): Promise<Message['body']> {
    const message = { type, body: { ...body, requestId: randomUUID() } };
    const token = proof?.accessToken;
    const answer = await this.#call(message, { ...proof?.signed, ...(token !== undefined && { accessToken: token }) });
    const { resultCode, errorCode, message: reason } = answer.body;
    if (resultCode === 200) return answer.body;
    const code = typeof errorCode === 'number' && errorCode !== 0 ? errorCode : Number(resultCode) || 0;
    const error = new NacosError(`${this.server.baseUrl} answered ${type} with ${code} ${printable(reason)}`, code);
    if (code === unregistered) this.#lose(error);
    throw error;
  }

  #call(message: Message, headers: Readonly<Record<string, string>>): Promise<Message> {
    const { requestTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.lost.aborted) return reject(this.lost.reason);
      const onLost = () => {
        call.cancel();
        reject(this.lost.reason);
      };
      const call = this.#client.makeUnaryRequest(
        unaryPath,
        same,
        same,
        encodeMessage(message, headers),
        new Metadata(),
        { deadline: Date.now() + requestTimeoutMs },
        (error, bytes) => {
          this.lost.removeEventListener('abort', onLost);
          if (error) {
            const reason = `${this.server.baseUrl} did not answer ${message.type}: ${printable(error.details)}`;
            return reject(new NacosError(reason, 0, { cause: error }));
          }
          this.#isAnswered = true;
          try {
            resolve(decodeMessage(bytes ?? Buffer.alloc(0)));
          } catch (cause) {
            reject(cause);
          }
        },
      );
      this.lost.addEventListener('abort', onLost, { once: true });
    });
  }

  async #handshake(): Promise<void> {
    const { supportAbilityNegotiation } = await this.#request('ServerCheckRequest', { module: 'internal' });
    const setUp = new Promise<unknown>((resolve) => {
      this.#setUp = resolve;
    });
    this.#send('ConnectionSetupRequest', {
      clientVersion: 'Isthmus',
      tenant: '',
      labels: { source: 'sdk', module: 'naming', AppName: 'isthmus' },
      abilityTable: {},
      module: 'internal',
      requestId: randomUUID(),
    });
    const deadline = AbortSignal.any([this.lost, AbortSignal.timeout(this.#options.requestTimeoutMs)]);
    if (supportAbilityNegotiation !== true) return this.#untilRegistered(deadline);
    const abilities = await Promise.race([setUp, rejection(deadline, this.server)]);
    if (isRecord(abilities)) {
      this.#abilities = new Set(Object.keys(abilities).filter((ability) => abilities[ability] === true));
    }
  }

  /** Servers before 2.3 do not acknowledge the hello; they refuse requests until they have taken it. */
  async #untilRegistered(deadline: AbortSignal): Promise<void> {
    for (;;) {
      const answer = await this.#call({ type: 'HealthCheckRequest', body: { module: 'internal' } }, {});
      if (answer.body['resultCode'] === 200) return;
      if (deadline.aborted) throw lossOf(deadline, this.server);
      await this.#options.clock.sleep(setupRetryMs, this.lost);
    }
  }

  /** Notices a server that is gone without a word: a cut cable, a stopped process. */
  async #keepAlive(): Promise<void> {
    const { clock, keepAliveMs } = this.#options;
    let missed = 0;
    while (!this.lost.aborted) {
      try {
        await clock.sleep(keepAliveMs, this.lost);
        await this.#request('HealthCheckRequest', { module: 'internal' });
        missed = 0;
      } catch (error) {
        if (++missed >= missedKeepAlives) this.#lose(toError(error));
      }
    }
  }

  #receive(bytes: Buffer): void {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      // What it would have said is unknown, so a new connection must read everything again.
      this.#lose(toError(error));
      return;
    }
    const { type, body } = message;
    if (type === 'SetupAckRequest') this.#setUp?.(body['abilityTable']);
    else if (type === 'ConnectResetRequest') this.#reset(body);
    else {
      this.#send(type.replace(/Request$/, 'Response'), {
        requestId: body['requestId'],
        resultCode: 200,
        errorCode: 0,
        success: true,
      });
      this.#options.onPush(message);
    }
  }

  #reset(body: Message['body']): void {
    const { serverIp, serverPort, requestId } = body;
    if (typeof serverIp === 'string' && serverIp !== '') this.#redirect = `${serverIp}:${String(serverPort)}`;
    this.#send('ConnectResetResponse', { requestId, resultCode: 200, errorCode: 0, success: true }, () =>
      this.#lose(streamError(this.server, 'the server asked to reconnect')),
    );
  }

  #send(type: string, body: Message['body'], onSent: () => void = () => undefined): void {
    if (!this.lost.aborted) this.#stream.write(encodeMessage({ type, body }), onSent);
  }

  #lose(reason: Error): void {
    if (this.lost.aborted) return;
    this.#lost.abort(reason);
    this.#stream.cancel();
    this.#client.close();
    // One that speaks HTTP/2 is closed by that, and takes its leave.
    if (!this.#isAnswered) this.#sockets.close();
  }
}

/** What a signature of the request is about. */
function resourceOf(type: string, body: Message['body']): SignedResource {
  const text = (key: string) => (typeof body[key] === 'string' ? body[key] : undefined);
  if (type.startsWith('Config')) return { kind: 'config', namespace: text('tenant') ?? '', group: text('group') ?? '' };
  return { kind: 'naming', group: text('groupName'), service: text('serviceName') };
}

/** Payloads are encoded and decoded outside of gRPC. */
function same(bytes: Buffer): Buffer {
  return bytes;
}

function streamError(server: NacosServer, reason: string): NacosError {
  const at = formatHostPort(server.grpc);
  return new NacosError(`the connection to ${at} (gRPC of ${server.baseUrl}) is lost: ${printable(reason)}`, 0);
}

function lossOf(deadline: AbortSignal, server: NacosServer): Error {
  return deadline.reason instanceof NacosError
    ? deadline.reason
    : streamError(server, 'it did not take the hello in time');
}

function rejection(deadline: AbortSignal, server: NacosServer): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(lossOf(deadline, server));
    if (deadline.aborted) onAbort();
    else deadline.addEventListener('abort', onAbort, { once: true });
  });
}
