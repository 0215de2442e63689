import Consul from 'consul';
import { http } from '../../support/http.js';

export interface Registration {
  readonly name: string;
  readonly id: string;
  readonly address?: string;
  readonly port?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly passing: number; readonly warning: number };
  /** With a check of this status; absent: with none. */
  readonly status?: CheckState;
}

export type CheckState = 'pass' | 'warn' | 'fail';

/** Registers as legacy services do: with the `consul` package, and by HTTP what the package leaves out. */
export class ConsulWriter {
  readonly client: Consul;
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(server: { readonly url: string; readonly port: number }, token?: string) {
    this.#url = server.url;
    this.#token = token;
    this.client = new Consul({ host: '127.0.0.1', port: server.port, ...(token && { defaults: { token } }) });
  }

  async register(registration: Registration): Promise<void> {
    const { name, id, address, port, tags, meta, weights, status } = registration;
    if (weights) {
      // The package drops weights without a word.
      await this.#put('/v1/agent/service/register', {
        ...{ Name: name, ID: id, Address: address, Port: port, Tags: tags, Meta: meta },
        Weights: { Passing: weights.passing, Warning: weights.warning },
        ...(status && { Check: { TTL: '1h', CheckID: `service:${id}` } }),
      });
    } else {
      await this.client.agent.service.register({
        ...{ name, id },
        ...(address !== undefined && { address }),
        ...(port !== undefined && { port }),
        ...(tags && { tags: [...tags] }),
        ...(meta && { meta: { ...meta } }),
        ...(status && { check: { ttl: '1h' } as never }),
      });
    }
    if (status) await this.check(id, status);
  }

  async check(id: string, status: CheckState): Promise<void> {
    await this.client.agent.check[status](`service:${id}`);
  }

  /** One that is gone already is no error. */
  async deregister(id: string): Promise<void> {
    await this.client.agent.service.deregister(id).catch((error: Error & { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    });
  }

  /** Writes into the catalog itself, as external services are registered: with a node of its own and no agent. */
  async registerExternal(body: unknown): Promise<void> {
    await this.#put('/v1/catalog/register', body);
  }

  async deregisterExternal(body: unknown): Promise<void> {
    await this.#put('/v1/catalog/deregister', body);
  }

  /** Creates a token whose policy is `rules`; @returns its secret */
  async createToken(name: string, rules: string): Promise<string> {
    await this.#put('/v1/acl/policy', { Name: name, Rules: rules });
    const token = await this.#put('/v1/acl/token', { Policies: [{ Name: name }] });
    return (JSON.parse(token) as { SecretID: string }).SecretID;
  }

  /** Gives callers with no token a policy. */
  async setAnonymousPolicy(name: string, rules: string): Promise<void> {
    const id = '00000000-0000-0000-0000-000000000002';
    await this.#put('/v1/acl/policy', { Name: name, Rules: rules });
    await this.#put(`/v1/acl/token/${id}`, { AccessorID: id, Policies: [{ Name: name }] });
  }

  /** Replaces the rules of the policy that {@link createToken} made. */
  async changePolicy(name: string, rules: string): Promise<void> {
    const headers: Record<string, string> = this.#token === undefined ? {} : { 'x-consul-token': this.#token };
    const { body } = await http(`${this.#url}/v1/acl/policy/name/${name}`, { headers });
    const { ID } = JSON.parse(body) as { ID: string };
    await this.#put(`/v1/acl/policy/${ID}`, { ID, Name: name, Rules: rules });
  }

  async #put(path: string, body: unknown): Promise<string> {
    const response = await http(`${this.#url}${path}`, {
      method: 'PUT',
      headers: this.#token === undefined ? {} : { 'x-consul-token': this.#token },
      body: JSON.stringify(body),
    });
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${response.body}`);
    return response.body;
  }

  close(): void {
    this.client.destroy();
  }
}
