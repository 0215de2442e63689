import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import { type HttpOptions, http } from './http.js';
import type { NacosInstance, NacosServiceName } from './nacos-writer.js';
import { poll } from './poll.js';

/** Less than the 15 s after which a server of 1.x calls an instance unhealthy that it has not heard of. */
const renewMs = 4000;

interface Registered extends NacosInstance {
  readonly ephemeral?: boolean;
}

/** Registers instances over the HTTP API of Nacos 1.x, and renews them until it is closed. */
export class Nacos1Writer {
  readonly #url: string;
  readonly #accessToken: string | undefined;
  readonly #renewed = new Map<string, string>();
  /** One write at a time: what is removed must not be renewed after it. */
  readonly #oneByOne = pLimit(1);
  readonly #timer: NodeJS.Timeout;

  /** @param url with the context path, as `http://127.0.0.1:8848/nacos` */
  constructor(url: string, accessToken?: string) {
    this.#url = url;
    this.#accessToken = accessToken;
    this.#timer = setInterval(() => void this.#renew(), renewMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Registers an instance, or changes the one of this address; resolves when the server shows it to others. */
  async put(name: NacosServiceName, instance: Registered): Promise<void> {
    const query = new URLSearchParams({
      ...placeOf(name),
      ip: instance.ip,
      port: `${instance.port}`,
      weight: `${instance.weight ?? 1}`,
      healthy: `${instance.healthy ?? true}`,
      enabled: `${instance.enabled ?? true}`,
      ephemeral: `${instance.ephemeral ?? true}`,
      clusterName: instance.clusterName ?? 'DEFAULT',
      metadata: JSON.stringify(instance.metadata ?? {}),
    }).toString();
    await this.#oneByOne(() => this.call(`/v1/ns/instance?${query}`, { method: 'POST' }));
    if (instance.ephemeral !== false) this.#renewed.set(keyOf(name, instance), query);
    await this.#setHealth(name, instance);
    await poll(async () => isDeepStrictEqual(shown((await this.#find(name, instance)) ?? {}), shown(instance)), {
      intervalMs: 20,
      what: `${instance.ip} of ${name.service} to be visible`,
    });
  }

  async remove(name: NacosServiceName, instance: Registered): Promise<void> {
    this.#renewed.delete(keyOf(name, instance));
    const query = new URLSearchParams({
      ...placeOf(name),
      ip: instance.ip,
      port: `${instance.port}`,
      ephemeral: `${instance.ephemeral ?? true}`,
      clusterName: instance.clusterName ?? 'DEFAULT',
    });
    await this.#oneByOne(() => this.call(`/v1/ns/instance?${query}`, { method: 'DELETE' }));
    await poll(async () => (await this.#find(name, instance)) === undefined, {
      intervalMs: 20,
      what: `${instance.ip} of ${name.service} to be gone`,
    });
  }

  /** Calls the API. @param path below the context path, with its query @throws Error when it answers no 200 */
  async call(path: string, options: HttpOptions = {}): Promise<string> {
    const token = this.#accessToken;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { status, body } = await http(`${this.#url}${path}`, { ...options, headers });
    if (status !== 200) throw new Error(`${path} answered ${status} ${body}`);
    return body;
  }

  /** The instance as the server's own catalogue has it, disabled ones and true health included. */
  async #find(
    name: NacosServiceName,
    { ip, port, clusterName = 'DEFAULT' }: Registered,
  ): Promise<Registered | undefined> {
    const query = new URLSearchParams({ ...placeOf(name), clusterName, pageNo: '1', pageSize: '1000' });
    const answer = await this.call(`/v1/ns/catalog/instances?${query}`).catch((error: Error) => {
      // Of a service or cluster that is not there yet.
      if (/ answered (?:404|500) /.test(error.message)) return '{"list":[]}';
      throw error;
    });
    const { list } = JSON.parse(answer) as { list: readonly Registered[] };
    return list.find((one) => one.ip === ip && one.port === port);
  }

  /** Registering again leaves the health as it is; it can be set where the server does not check it by itself. */
  async #setHealth(name: NacosServiceName, instance: Registered): Promise<void> {
    const { healthy = true, ip, port, clusterName = 'DEFAULT' } = instance;
    const found = await poll(() => this.#find(name, instance), { intervalMs: 20, what: `${ip} to be registered` });
    if (found.healthy === healthy) return;
    const query = (more: Readonly<Record<string, string>>) =>
      new URLSearchParams({ ...placeOf(name), clusterName, ...more });
    const unchecked = { checkPort: '80', useInstancePort4Check: 'true', healthChecker: '{"type":"NONE"}' };
    await this.call(`/v1/ns/cluster?${query(unchecked)}`, { method: 'PUT' });
    const health = query({ ip, port: `${port}`, healthy: `${healthy}` });
    await poll(async () => (await this.call(`/v1/ns/health/instance?${health}`, { method: 'PUT' })) === 'ok', {
      timeoutMs: 5000,
      what: `the health of ${ip} to be set`,
    });
  }

  async #renew(): Promise<void> {
    for (const key of this.#renewed.keys()) {
      await this.#oneByOne(async () => {
        const query = this.#renewed.get(key);
        // A server that is down has none to renew; one that comes back gets them at the next turn.
        if (query) await this.call(`/v1/ns/instance?${query}`, { method: 'POST' }).catch(() => undefined);
      });
    }
  }
}

function placeOf({ service, group = 'DEFAULT_GROUP', namespace = 'public' }: NacosServiceName) {
  return { namespaceId: namespace, groupName: group, serviceName: `${group}@@${service}` };
}

function keyOf(name: NacosServiceName, { ip, port, clusterName = 'DEFAULT' }: Registered): string {
  return JSON.stringify([placeOf(name), ip, port, clusterName]);
}

function shown({ ip, port, weight = 1, healthy = true, enabled = true, metadata = {} }: Partial<Registered>) {
  return { ip, port, weight, healthy, enabled, metadata };
}
