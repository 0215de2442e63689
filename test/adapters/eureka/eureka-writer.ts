import assert from 'node:assert/strict';
import type { Dispatcher } from 'undici';
import { http } from '../../support/http.js';

export interface Registration {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly securePort?: number;
  readonly hostName?: string;
  readonly status?: string;
  readonly vipAddress?: string;
  readonly secureVipAddress?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly dataCenterInfo?: Readonly<Record<string, unknown>>;
  /** Default an hour: nothing is evicted unless a test wants it. */
  readonly leaseSeconds?: number;
  /** The client's own revision, `lastDirtyTimestamp`. Default: the time. */
  readonly dirtyMs?: number;
}

/** Registers as an application with no client library does: by Eureka's REST operations. */
export class EurekaWriter {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  readonly #dispatcher: Dispatcher | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}, dispatcher?: Dispatcher) {
    this.#url = url;
    this.#headers = headers;
    this.#dispatcher = dispatcher;
  }

  async register(application: string, registration: Registration): Promise<void> {
    const { id, address, port, securePort, hostName = address, status = 'UP', metadata = {} } = registration;
    const { leaseSeconds = 3600, dataCenterInfo = defaultDataCenter } = registration;
    const instance = {
      instanceId: id,
      hostName,
      app: application,
      ipAddr: address,
      status,
      overriddenStatus: 'UNKNOWN',
      port: { $: port, '@enabled': 'true' },
      securePort: { $: securePort ?? 443, '@enabled': `${securePort !== undefined}` },
      countryId: 1,
      dataCenterInfo,
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: leaseSeconds },
      metadata,
      vipAddress: registration.vipAddress ?? application.toLowerCase(),
      secureVipAddress: registration.secureVipAddress ?? application.toLowerCase(),
      isCoordinatingDiscoveryServer: 'false',
      lastDirtyTimestamp: `${registration.dirtyMs ?? Date.now()}`,
    };
    await this.#send('POST', `apps/${application}`, [204], JSON.stringify({ instance }));
  }

  /** One that is not registered is no error. */
  async deregister(application: string, id: string): Promise<void> {
    await this.#send('DELETE', `apps/${application}/${id}`, [200, 404]);
  }

  /** A heartbeat. */
  async renew(application: string, id: string): Promise<void> {
    await this.#send('PUT', `apps/${application}/${id}`, [200]);
  }

  async overrideStatus(application: string, id: string, status: string): Promise<void> {
    await this.#send('PUT', `apps/${application}/${id}/status?value=${status}`, [200]);
  }

  async endOverride(application: string, id: string): Promise<void> {
    await this.#send('DELETE', `apps/${application}/${id}/status?value=UP`, [200]);
  }

  /** Changes metadata without registering anew. */
  async setMetadata(application: string, id: string, key: string, value: string): Promise<void> {
    await this.#send('PUT', `apps/${application}/${id}/metadata?${key}=${encodeURIComponent(value)}`, [200]);
  }

  async #send(method: 'POST' | 'PUT' | 'DELETE', path: string, expected: readonly number[], body?: string) {
    const response = await http(`${this.#url}/${path}`, {
      method,
      headers: { ...this.#headers, 'content-type': 'application/json' },
      timeoutMs: 20_000,
      ...(this.#dispatcher && { dispatcher: this.#dispatcher }),
      ...(body === undefined ? {} : { body }),
    });
    assert.ok(expected.includes(response.status), `${method} ${path}: HTTP ${response.status}`);
  }
}

const defaultDataCenter = { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' };
