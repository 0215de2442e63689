import { type AddressCheck, checkAddress, checkPort } from '../../core/model/address.js';
import { isRecord } from '../../core/model/is-record.js';
import {
  defaultWeight,
  type Health,
  type Instance,
  isCredential,
  type Metadata,
  metadataFrom,
  printable,
} from '../../core/plugin/index.js';
import { type EurekaConfig, isPlainProtocol } from './config.js';
import { Fields } from './fields.js';
import type { Sharing } from './sharing.js';

/** An instance as a listing or a delta has it. */
export interface InstanceRecord {
  /** Name of the application. */
  readonly application: string;
  /** Unique in the application. */
  readonly id: string;
  /** `status` as written; the servers count these in `apps__hashcode`. */
  readonly status: string;
  /** The delta says that the instance is gone (`actionType` DELETED). */
  readonly deleted: boolean;
  readonly vipAddress: string;
  readonly secureVipAddress: string;
  /** `lastDirtyTimestamp`, the revision that the instance itself gives its registration; 0 when it says none. */
  readonly dirtyMs: number;
  /** `lastUpdatedTimestamp`, when the server changed the record last, by its own clock; 0 when it does not say. */
  readonly updatedMs: number;
  /** When the server heard of it last, by the server's clock: its registration or last renewal, or, deleted, its end. */
  readonly seenMs: number;
  readonly outcome: Outcome;
}

/** Of an instance in the registry. */
export function recordKey({ application, id }: Pick<InstanceRecord, 'application' | 'id'>): string {
  return `${application}\0${id}`;
}

export type Outcome =
  | { readonly kind: 'instance'; readonly instance: Instance; readonly plainProtocol: string | undefined }
  | { readonly kind: 'rejected'; readonly record: string; readonly reason: string };

export type ConvertOptions = Pick<EurekaConfig, 'address' | 'protocol'>;

const maxIdLength = 512;
const maxWeight = 1_000_000;
const weightPattern = /^[0-9]{1,7}(?:\.[0-9]{1,6})?$/;
/** Keys under which gRPC starters for Spring Boot register the port of their server. */
const grpcPortKeys = ['gRPC_port', 'gRPC.port', 'grpc.port'];
const amazonKeys = ['instance-id', 'instance-type', 'ami-id'];
const amazonZone = /^(.+-[0-9]+)[a-z]$/;

/**
 * One element of `application.instance`; field names and their meaning follow `com.netflix.appinfo.InstanceInfo`.
 * Takes any JSON value and never throws; what cannot be used comes back as rejected, with the reason.
 * @param position stands for the id of a record that has none
 */
export function convertInstance(
  application: string,
  value: unknown,
  position: number,
  options: ConvertOptions,
  sharing: Sharing,
): InstanceRecord {
  const fields = new Fields(isRecord(value) ? value : {});
  const id = instanceId(fields);
  const known = id !== '' && id.length <= maxIdLength;
  const deleted = fields.text('actionType') === 'DELETED';
  const outcome: Outcome | string = known
    ? convertOutcome(id, fields, options, sharing)
    : `the instance has no id of 1 to ${maxIdLength} characters`;
  return {
    application,
    id: known ? id : `#${position}`,
    status: sharing.text(fields.text('status')),
    deleted,
    vipAddress: sharing.text(fields.text('vipAddress')),
    secureVipAddress: sharing.text(fields.text('secureVipAddress')),
    dirtyMs: fields.number('lastDirtyTimestamp'),
    updatedMs: fields.number('lastUpdatedTimestamp'),
    seenMs: deleted ? fields.number('lastUpdatedTimestamp') : lastSign(fields.record('leaseInfo')),
    outcome:
      typeof outcome === 'string'
        ? { kind: 'rejected', record: printable(`${application}/${known ? id : `#${position}`}`), reason: outcome }
        : outcome,
  };
}

/**
 * Eureka's `Lease.renew` writes the time of the renewal plus the lease's duration into `lastRenewalTimestamp`, and its
 * constructor the mere time of the registration.
 */
function lastSign(lease: Fields): number {
  const renewedMs = lease.number('lastRenewalTimestamp') - 1000 * lease.number('durationInSecs');
  return Math.max(lease.number('registrationTimestamp'), renewedMs);
}

/** @returns the reason when the record cannot be an instance */
function convertOutcome(id: string, fields: Fields, options: ConvertOptions, sharing: Sharing): Outcome | string {
  const address = chooseAddress(fields, options.address);
  if (!address.ok) return address.reason;
  const registered = fields.record('metadata');
  const declared = registered.text('protocol').toLowerCase();
  const plainProtocol = isPlainProtocol(declared) ? declared : options.protocol;
  const ports = choosePorts(fields, registered, plainProtocol);
  if (typeof ports === 'string') return ports;
  const dataCenter = fields.record('dataCenterInfo');
  const locality = chooseLocality(registered, dataCenter.record('metadata'), sharing);
  const instance: Instance = {
    id,
    address: address.address,
    ports: sharing.ports(ports),
    health: healthOf(fields),
    weight: weightOf(registered.text('weight')),
    ...(locality && { locality }),
    metadata: sharing.metadata(convertMetadata(registered, dataCenter, sharing)),
  };
  return { kind: 'instance', instance, plainProtocol: plainProtocol in ports ? plainProtocol : undefined };
}

/** As `InstanceInfo.getId`: the registered id, else Amazon's, else the host name. */
function instanceId(fields: Fields): string {
  const id = fields.text('instanceId');
  if (id !== '') return id;
  const amazonId = fields.record('dataCenterInfo').record('metadata').text('instance-id');
  return amazonId === '' ? fields.text('hostName') : amazonId;
}

function chooseAddress(fields: Fields, wanted: EurekaConfig['address']): AddressCheck {
  const ip = fields.text('ipAddr');
  const host = fields.text('hostName');
  if (wanted === 'hostname') return checkAddress(host || ip);
  const address = checkAddress(ip || host);
  if (wanted === 'ip' || address.ok) return address;
  const byName = checkAddress(host);
  return byName.ok ? byName : address;
}

function choosePorts(fields: Fields, metadata: Fields, plain: string): Record<string, number> | string {
  const ports: Record<string, number> = {};
  for (const [key, name, enabledByDefault] of [
    ['port', plain, true],
    ['securePort', 'https', false],
  ] as const) {
    const port = fields.port(key, enabledByDefault);
    if (port === undefined) continue;
    const check = checkPort(port);
    if (!check.ok) return `${key}: ${check.reason}`;
    ports[name] = check.port;
  }
  const grpcKey = grpcPortKeys.find((key) => metadata.text(key) !== '');
  if (grpcKey !== undefined && plain !== 'grpc') {
    const check = checkPort(metadata.text(grpcKey));
    if (check.ok) ports['grpc'] = check.port;
  }
  return Object.keys(ports).length === 0 ? 'the instance has no enabled port' : ports;
}

/**
 * The servers' own rule (FirstMatchWinsCompositeRule of DownOrStartingRule and OverrideExistsRule): an override replaces
 * UP and OUT_OF_SERVICE, never DOWN or STARTING, which the instance knows best. Eureka's clients call UP alone.
 */
function healthOf(fields: Fields): Health {
  const status = fields.text('status').toUpperCase();
  // XML-minded clients register `overriddenstatus`, and servers of that age list it so.
  const override = (fields.text('overriddenStatus') || fields.text('overriddenstatus')).toUpperCase();
  const overridable = status === 'UP' || status === 'OUT_OF_SERVICE';
  const effective = overridable && override !== '' && override !== 'UNKNOWN' ? override : status;
  return effective === 'UP' ? 'healthy' : 'unhealthy';
}

/** Spring Cloud LoadBalancer's `weight`, where 1 is ordinary; what is no number is ordinary too, as it is there. */
function weightOf(text: string): number {
  if (!weightPattern.test(text)) return defaultWeight;
  const weight = Number(text) * defaultWeight;
  return weight === 0 ? 0 : Math.min(maxWeight, Math.max(1, Math.round(weight)));
}

function chooseLocality(metadata: Fields, amazon: Fields, sharing: Sharing) {
  const zone = metadata.text('zone') || amazon.text('availability-zone');
  const region = metadata.text('region') || (amazonZone.exec(amazon.text('availability-zone'))?.[1] ?? '');
  if (zone === '' && region === '') return undefined;
  return sharing.locality(region.replaceAll('/', '-'), zone.replaceAll('/', '-'));
}

function convertMetadata(registered: Fields, dataCenter: Fields, sharing: Sharing): Metadata {
  const entries: [string, string][] = [];
  for (const [key, value] of registered.texts()) {
    // `@class` is Jackson's, for the type of an empty map.
    if (key === '@class' || isCredential(key, value)) continue;
    entries.push([sharing.text(key), sharing.text(value)]);
  }
  const name = dataCenter.text('name');
  if (name !== '' && name !== 'MyOwn') entries.push(['dataCenter', sharing.text(name)]);
  const amazon = dataCenter.record('metadata');
  for (const key of amazonKeys) {
    if (amazon.text(key) !== '') entries.push([`amazon.${key}`, sharing.text(amazon.text(key))]);
  }
  return metadataFrom(entries);
}
