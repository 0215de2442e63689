import { setMaxListeners } from 'node:events';
import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import type { ConnectionOptions, NacosConnection } from './connection.js';
import { mayHideHealth, withStatuses } from './hidden-health.js';
import type { HttpRequest, NacosHttp } from './http-client.js';
import { InstancePoller } from './instance-poller.js';
import { configNotFound, isRefused, isUnsupported, NacosError, toError } from './nacos-error.js';
import type { Message } from './payload.js';
import type { RequestGate } from './request-gate.js';
import type { NacosServer } from './server.js';
import { formatGroupedName } from './service-key.js';
import type { SignedResource } from './signing.js';

const missedKeepAlives = 2;
/** What parts words and lines of the listener API. */
const wordMark = '\u0002';
const lineMark = '\u0001';

export interface HttpConnectionOptions extends ConnectionOptions {
  readonly http: NacosHttp;
  readonly gate: RequestGate;
  /** In this time each service that is subscribed is asked for once. */
  readonly pollIntervalMs: number;
}

/**
 * The HTTP API of Nacos 1.x (`/v1/ns`), with the requests and pushes of the newer protocol on top: what is subscribed is
 * asked for again and again, and what is different then is pushed.
 */
export class HttpConnection implements NacosConnection {
  readonly protocol = 'http';
  readonly redirect = undefined;
  readonly server: NacosServer;
  readonly #options: HttpConnectionOptions;
  readonly #lost = new AbortController();
  readonly #poller: InstancePoller;

  private constructor(options: HttpConnectionOptions) {
    const { gate, clock, pollIntervalMs, onPush } = options;
    this.server = options.server;
    this.#options = options;
    // Every request under way waits for it.
    setMaxListeners(0, this.lost);
    this.#poller = new InstancePoller({
      gate,
      clock,
      intervalMs: pollIntervalMs,
      onPush,
      read: (body) => this.#instances(body),
    });
  }

  /**
   * Looks whether the server is there and says of itself that it is up. The caller closes the connection.
   *
   * @throws NacosError when it is not; the signal's reason
   */
  static async open(options: HttpConnectionOptions, signal: AbortSignal): Promise<HttpConnection> {
    const connection = new HttpConnection(options);
    const onAbort = () => connection.close(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await connection.#checkUp();
      void connection.#keepAlive();
      void connection.#poller.run(connection.lost);
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

  can(): boolean {
    return false;
  }

  async request(type: string, body: Message['body']): Promise<Message['body']> {
    switch (type) {
      case 'ServiceListRequest':
        return this.#services(body);
      case 'ServiceQueryRequest':
        return this.#query(body);
      case 'SubscribeServiceRequest':
        return this.#subscribe(body);
      case 'ConfigQueryRequest':
        return this.#config(body);
      case 'ConfigBatchListenRequest':
        return this.#changedConfigs(body);
      default:
        throw new NacosError(`${this.server.baseUrl} has no ${type} in its HTTP API`, 501);
    }
  }

  close(reason: unknown = new Error('the connection was closed')): void {
    if (!this.lost.aborted) this.#lost.abort(toError(reason));
  }

  async #query(body: Message['body']): Promise<Message['body']> {
    const serviceInfo = await this.#instances(body);
    this.#poller.queried(body, serviceInfo);
    return { serviceInfo };
  }

  async #subscribe(body: Message['body']): Promise<Message['body']> {
    if (body['subscribe'] !== true) {
      this.#poller.remove(body);
      return {};
    }
    const serviceInfo = await this.#instances(body);
    this.#poller.add(body, serviceInfo);
    return { serviceInfo };
  }

  async #services({ namespace, groupName, pageNo, pageSize }: Message['body']): Promise<Message['body']> {
    const query = { ...place(namespace, groupName), pageNo: String(pageNo), pageSize: String(pageSize) };
    const { count, doms } = await this.#get('/v1/ns/service/list', query, { kind: 'naming' });
    return { count, serviceNames: doms };
  }

  async #instances({ namespace, groupName, serviceName }: Message['body']): Promise<Message['body']> {
    const [group, service] = [String(groupName), String(serviceName)];
    const full = formatGroupedName(group, service);
    const query = { ...place(namespace, groupName), serviceName: full, clusters: '', healthyOnly: 'false' };
    const resource = { kind: 'naming', group, service } as const;
    const info = await this.#get('/v1/ns/instance/list', query, resource);
    if (!mayHideHealth(info)) return info;
    await this.#options.gate.turn(this.lost);
    try {
      const key = `${String(namespace)}##${full}`;
      const { ips } = await this.#get('/v1/ns/instance/statuses', { ...query, key }, resource);
      return withStatuses(info, ips);
    } catch (error) {
      // Gone meanwhile, or not for us to know.
      if (isUnsupported(error) || isRefused(error)) return info;
      throw error;
    }
  }

  async #config({ tenant, group, dataId }: Message['body']): Promise<Message['body']> {
    const resource = { namespace: String(tenant), group: String(group) };
    const query = { tenant: resource.namespace, group: resource.group, dataId: String(dataId) };
    const request = { path: '/v1/cs/configs', query };
    const { status, text } = await this.#ask(request, { kind: 'config', ...resource });
    if (status === 200) return { content: text };
    const code = status === 404 ? configNotFound : status;
    throw new NacosError(`${this.server.baseUrl}${request.path} answered ${status} ${printable(text)}`, code);
  }

  /** Which of the configurations are not as they are known; what is asked for does not wait for a change. */
  async #changedConfigs({ configListenContexts }: Message['body']): Promise<Message['body']> {
    const contexts = (Array.isArray(configListenContexts) ? configListenContexts : []).filter(isRecord);
    const line = ({ dataId, group, md5, tenant }: Message['body']) =>
      [dataId, group, md5, ...(tenant ? [tenant] : [])].map(String).join(wordMark) + lineMark;
    const [{ tenant, group } = {}] = contexts;
    const request = {
      path: '/v1/cs/configs/listener',
      form: { 'Listening-Configs': contexts.map(line).join('') },
      headers: { 'Long-Pulling-Timeout': '10000', 'Long-Pulling-Timeout-No-Hangup': 'true' },
    };
    const resource = { namespace: String(tenant ?? ''), group: String(group ?? '') };
    const { status, text } = await this.#ask(request, { kind: 'config', ...resource });
    if (status !== 200) {
      throw new NacosError(`${this.server.baseUrl}${request.path} answered ${status} ${printable(text)}`, status);
    }
    return { changedConfigs: changedLines(text) };
  }

  #get(path: string, query: Readonly<Record<string, string>>, resource: SignedResource): Promise<Message['body']> {
    const { http, credentials } = this.#options;
    return credentials.authorized(resource, (proof) =>
      http.requestOf(this.server, { path, query, credentials: proof }, this.lost),
    );
  }

  #ask(request: HttpRequest, resource: SignedResource) {
    const { http, credentials } = this.#options;
    return credentials.authorized(resource, async (proof) => {
      const answer = await http.ask(this.server, { ...request, credentials: proof }, this.lost);
      if (answer.status === 401 || answer.status === 403) {
        throw new NacosError(`${this.server.baseUrl}${request.path} answered ${answer.status}`, answer.status);
      }
      return answer;
    });
  }

  /** A server that is there and is not in order yet, or no longer, answers with an empty registry if one lets it. */
  async #checkUp(): Promise<void> {
    const { status } = await this.#get('/v1/ns/operator/metrics', {}, { kind: 'naming' });
    if (status !== 'UP') throw new NacosError(`${this.server.baseUrl} says that it is ${printable(status)}`, 503);
  }

  async #keepAlive(): Promise<void> {
    const { clock, keepAliveMs } = this.#options;
    let missed = 0;
    while (!this.lost.aborted) {
      try {
        await clock.sleep(keepAliveMs, this.lost);
        await this.#checkUp();
        missed = 0;
      } catch (error) {
        // One that refuses connections is being restarted; it may be back before it is asked again, knowing nothing.
        if (isRefusedConnection(error) || ++missed >= missedKeepAlives) this.close(error);
      }
    }
  }
}

/** @throws NacosError when it is not what the listener API answers */
function changedLines(text: string): readonly Message['body'][] {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text.trim());
  } catch (cause) {
    throw new NacosError('the answer does not say what has changed', 0, { cause });
  }
  return decoded
    .split(lineMark)
    .filter((one) => one !== '')
    .map((one) => {
      const [dataId, group, tenant] = one.split(wordMark);
      return { dataId, group, tenant };
    });
}

function isRefusedConnection(error: unknown): boolean {
  const cause = error instanceof NacosError ? error.cause : undefined;
  return isRecord(cause) && (cause['code'] === 'ECONNREFUSED' || cause['code'] === 'ECONNRESET');
}

function place(namespace: unknown, group: unknown): Readonly<Record<string, string>> {
  return { namespaceId: String(namespace), groupName: String(group) };
}
