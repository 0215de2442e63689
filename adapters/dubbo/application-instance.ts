import {
  checkAddress,
  checkPort,
  defaultWeight,
  type Health,
  isRecord,
  type Locality,
  type Metadata,
  metadataFrom,
  printable,
  type Rejection,
  Secret,
} from '../../core/plugin/index.js';
import { type Endpoints, parseEndpoints } from './endpoints.js';
import { timestampFrom } from './parameters.js';
import { hasCredentials, isSensitive } from './secrets.js';

/** Where a provider answers questions about what it exports (`dubbo.metadata-service.url-params`, `meta-v`). */
export interface MetadataServiceAddress {
  readonly protocol: string;
  /** On the instance's own address. */
  readonly port: number;
  /** `meta-v`, the newest MetadataService it has, as `2.0.0`; '' when it does not say (before 3.3). */
  readonly version: string;
  /** `user:password` for basic authentication, when the instance announces it; never to be shown. */
  readonly basicAuth?: Secret;
}

/** An instance as Dubbo 3 registers it by application: it says where it is, and its metadata say what it serves. */
export interface ApplicationInstance {
  readonly application: string;
  /** As {@link checkAddress} writes it. */
  readonly address: string;
  /** Its main port. */
  readonly port: number;
  readonly endpoints: Endpoints;
  /** `dubbo.metadata.revision`: what it exports, as a digest; {@link noRevision} when it exports nothing. */
  readonly revision: string;
  /** Where the metadata of the revision are: asked of itself, or in the registry's metadata report. */
  readonly storage: 'local' | 'remote';
  /** Only with `local`. */
  readonly metadataService: MetadataServiceAddress | undefined;
  /** When it registered, milliseconds since the epoch; 0 when it does not say. */
  readonly timestampMs: number;
  /** As the registry knows it; `healthy` where being registered is all there is. */
  readonly health: Health;
  /** The registry's own weight, {@link defaultWeight} being ordinary; scales that of the parameters. */
  readonly weight: number;
  readonly locality?: Locality;
  /** What it says of itself beside the keys above, without what looks like credentials. */
  readonly metadata: Metadata;
}

export type InstanceOutcome =
  | { readonly kind: 'instance'; readonly instance: ApplicationInstance }
  /** Registered by something else than Dubbo, as Spring Cloud. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

/** `EMPTY_REVISION` of Dubbo's RevisionResolver: the instance exports nothing. */
export const noRevision = '0';

/** An instance as a registry gives it; health, weight and locality where the registry has them itself. */
export interface InstanceRecord {
  readonly application: string;
  readonly host: unknown;
  readonly port: unknown;
  readonly metadata: unknown;
  readonly health?: Health;
  readonly weight?: number;
  readonly locality?: Locality;
}

const revisionPattern = /^[A-Za-z0-9._-]{1,128}$/;
const maxJsonLength = 1_048_576;
const maxParamsLength = 8192;
/** What stands in fields of its own, or is of no use to anybody but a consumer of Dubbo. */
const understood = new Set([
  'dubbo.metadata-service.url-params',
  'dubbo.metadata-service.urls',
  'dubbo.endpoints',
  'dubbo.metadata.revision',
  'dubbo.metadata.storage-type',
  'meta-v',
  'timestamp',
]);

/**
 * A child of `/services/<application>` in ZooKeeper: Curator's discovery JSON (`org.apache.curator.x.discovery`,
 * `ServiceInstance`) with Dubbo's `ZookeeperInstance` as its payload. Never throws.
 * @param application the name of the parent, decoded
 */
export function parseZookeeperInstance(application: string, childName: string, text: string): InstanceOutcome {
  const record = printable(`${application}/${childName}`);
  if (text.length > maxJsonLength) return rejected(record, 'it is longer than 1 MiB');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return rejected(record, 'it is no JSON');
  }
  if (!isRecord(value)) return rejected(record, 'it is no JSON object');
  const payload = isRecord(value['payload']) ? value['payload'] : {};
  return instanceFrom({ application, host: value['address'], port: value['port'], metadata: payload['metadata'] });
}

/** Any registry's record of an instance that Dubbo registered by application. Never throws. */
export function instanceFrom(record: InstanceRecord): InstanceOutcome {
  const { application, host, port, metadata, health = 'healthy', weight = defaultWeight, locality } = record;
  const said = isRecord(metadata) ? metadata : {};
  const revision = said['dubbo.metadata.revision'];
  if (revision === undefined) return { kind: 'foreign' };
  const shown = printable(`${application}/${typeof host === 'string' ? host : ''}:${portText(port)}`);
  if (typeof revision !== 'string' || !revisionPattern.test(revision)) {
    return rejected(shown, 'its dubbo.metadata.revision is none');
  }
  const address = checkAddress(typeof host === 'string' ? host : '');
  if (!address.ok) return rejected(shown, address.reason);
  const number = checkPort(typeof port === 'number' ? port : portText(port));
  if (!number.ok) return rejected(shown, number.reason);
  const storage = said['dubbo.metadata.storage-type'] === 'remote' ? 'remote' : 'local';
  const timestamp = said['timestamp'];
  return {
    kind: 'instance',
    instance: {
      application,
      address: address.address,
      port: number.port,
      endpoints: parseEndpoints(said['dubbo.endpoints']) ?? {},
      revision,
      storage,
      metadataService: storage === 'local' ? metadataServiceOf(said) : undefined,
      timestampMs: typeof timestamp === 'string' ? timestampFrom(timestamp) : 0,
      health,
      weight,
      ...(locality && { locality }),
      metadata: keptMetadata(said),
    },
  };
}

/** Identity of an instance within its application. */
export function instanceKey({ address, port }: ApplicationInstance): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function portText(port: unknown): string {
  return typeof port === 'number' || typeof port === 'string' ? String(port).slice(0, 20) : '';
}

function rejected(record: string, reason: string): InstanceOutcome {
  return { kind: 'rejected', rejection: { record, reason } };
}

function metadataServiceOf(said: Readonly<Record<string, unknown>>): MetadataServiceAddress | undefined {
  const text = said['dubbo.metadata-service.url-params'];
  if (typeof text !== 'string' || text.length > maxParamsLength) return undefined;
  let params: unknown;
  try {
    params = JSON.parse(text);
  } catch {
    // As if it had none: that its metadata cannot be asked for is told where they are needed.
    return undefined;
  }
  if (!isRecord(params)) return undefined;
  const { protocol, port, auth, authenticator, username, password } = params;
  const number = checkPort(typeof port === 'number' ? port : portText(port));
  if (typeof protocol !== 'string' || !number.ok) return undefined;
  const version = said['meta-v'];
  const isBasic = auth === 'true' && authenticator === 'basic' && typeof username === 'string';
  return {
    protocol: protocol.toLowerCase().slice(0, 32),
    port: number.port,
    version: typeof version === 'string' ? version.slice(0, 32) : '',
    ...(isBasic && { basicAuth: new Secret(`${username}:${typeof password === 'string' ? password : ''}`) }),
  };
}

function keptMetadata(said: Readonly<Record<string, unknown>>): Metadata {
  const entries: [string, string][] = [];
  for (const key in said) {
    const value = said[key];
    if (typeof value !== 'string' || understood.has(key) || value.length > 4096) continue;
    if (isSensitive(key) || hasCredentials(value)) continue;
    entries.push([key, value]);
  }
  return metadataFrom(entries);
}
