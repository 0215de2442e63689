import { createHmac } from 'node:crypto';
import type { Clock, Secret } from '../../core/plugin/index.js';
import { formatGroupedName } from './service-key.js';

/** What a request is about; the signature covers it. */
export type SignedResource =
  | { readonly kind: 'naming'; readonly group?: string | undefined; readonly service?: string | undefined }
  | { readonly kind: 'config'; readonly namespace: string; readonly group: string };

export interface SigningOptions {
  readonly accessKey: string;
  readonly secretKey: Secret;
  /** Region of the cloud: the key is then derived anew each day (signature version 4). */
  readonly region: string | undefined;
  readonly clock: Clock;
}

export type Headers = Readonly<Record<string, string>>;

/** What goes along with one request to prove who asks. */
export interface RequestCredentials {
  readonly accessToken: string | undefined;
  /** Of an access key; over HTTP they are parameters of the naming API and headers of the configuration API. */
  readonly signed: Headers;
  readonly signedAs: 'parameters' | 'headers';
}

/**
 * Signs requests with an access key, as products of clouds ask for; Nacos's own server overlooks it. Follows
 * `NamingResourceInjector`, `ConfigResourceInjector` and `CalculateV4SigningKeyUtil` of Nacos's Java client.
 */
export class RequestSigner {
  readonly #options: SigningOptions;
  #derived: { readonly date: string; readonly key: string } | undefined;

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  /** Headers of a gRPC payload, and parameters of an HTTP request of the naming API. */
  sign(resource: SignedResource): Headers {
    const { accessKey, clock, region } = this.#options;
    const now = String(clock.now());
    const key = this.#key();
    const version = region === undefined ? {} : { signatureVersion: 'v4' };
    if (resource.kind === 'config') {
      const subject = [resource.namespace, resource.group].filter((part) => part !== '').join('+');
      const text = subject === '' ? now : `${subject}+${now}`;
      return { 'Spas-AccessKey': accessKey, Timestamp: now, 'Spas-Signature': hmacSha1(key, text), ...version };
    }
    const name = resource.service === undefined ? '' : formatGroupedName(resource.group, resource.service);
    const data = name === '' ? now : `${now}@@${name}`;
    return { ak: accessKey, data, signature: hmacSha1(key, data), ...version };
  }

  #key(): string {
    const { secretKey, region, clock } = this.#options;
    if (region === undefined) return secretKey.reveal();
    const date = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    if (this.#derived?.date !== date) this.#derived = { date, key: derive(secretKey.reveal(), date, region) };
    return this.#derived.key;
  }
}

function derive(secret: string, date: string, region: string): string {
  const chain = [date, region, 'mse-nacos', 'aliyun_v4_request'];
  const start: Buffer = Buffer.from(`aliyun_v4${secret}`);
  return chain.reduce((key, part) => createHmac('sha256', key).update(part).digest(), start).toString('base64');
}

function hmacSha1(key: string, text: string): string {
  return createHmac('sha1', key).update(text).digest('base64');
}
