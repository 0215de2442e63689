import { z } from 'zod';
import { isRecord } from '../../../core/model/is-record.js';
import { metadataLimits } from '../../../core/plugin/index.js';
import { isWellFormed } from '../well-formed.js';

/** `InstanceInfo.InstanceStatus` of Eureka's clients. */
export const eurekaStatuses = ['UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'] as const;
export type EurekaStatus = (typeof eurekaStatuses)[number];

const text = z.string().max(2048);
const port = z.strictObject({ number: z.int().min(0).max(65_535), enabled: z.boolean() });
const texts = z.record(z.string().max(metadataLimits.keyLength), z.string().max(metadataLimits.valueLength));

/** What a client registered (`com.netflix.appinfo.InstanceInfo`), in the form in which it is stored. */
export const eurekaInfoSchema = z.strictObject({
  hostName: text,
  ipAddr: text,
  /** The instance's own. */
  status: z.enum(eurekaStatuses),
  /** Set from outside; UNKNOWN is none. */
  overriddenStatus: z.enum(eurekaStatuses),
  port,
  securePort: port,
  vipAddress: text,
  secureVipAddress: text,
  /** Pages, groups and other texts that clients ask for and nobody here reads. */
  texts: z.record(z.string(), text),
  dataCenter: z.strictObject({ class: text, name: text, metadata: texts }),
  renewalSeconds: z.int().min(1),
  durationSeconds: z.int().min(1),
  metadata: texts,
  /** Milliseconds since the epoch, by the client's clock; 0: it does not say. */
  lastDirtyMs: z.number().min(0),
});

export type EurekaInfo = Readonly<z.output<typeof eurekaInfoSchema>>;

/** The client's texts that are given back as they came. */
export const otherTexts = [
  'appGroupName',
  'asgName',
  'sid',
  'homePageUrl',
  'statusPageUrl',
  'healthCheckUrl',
  'secureHealthCheckUrl',
] as const;

export function toStatus(value: unknown): EurekaStatus {
  const name = typeof value === 'string' ? value.toUpperCase() : '';
  return eurekaStatuses.find((status) => status === name) ?? 'UNKNOWN';
}

/**
 * The status that counts: an override replaces UP and OUT_OF_SERVICE, never what the instance itself knows best. The
 * servers' own rule (DownOrStartingRule, OverrideExistsRule of eureka-core).
 */
export function effectiveStatus({ status, overriddenStatus }: EurekaInfo): EurekaStatus {
  const isOverridable = status === 'UP' || status === 'OUT_OF_SERVICE';
  return isOverridable && overriddenStatus !== 'UNKNOWN' ? overriddenStatus : status;
}

/** A registration, or everything that is wrong with it, in the terms of Eureka's JSON. Takes any JSON value. */
export function parseRegistration(
  body: unknown,
  app: string,
): { readonly id: string; readonly info: EurekaInfo } | { readonly problem: string } {
  const value = isRecord(body) && isRecord(body['instance']) ? body['instance'] : undefined;
  if (!value) return { problem: 'expected {"instance": {…}}' };
  const result = wire.safeParse(value);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
    return { problem: problems.slice(0, 20).join('; ') };
  }
  const { app: named, instanceId, leaseInfo, dataCenterInfo, ...rest } = result.data;
  if (named.toLowerCase() !== app.toLowerCase()) return { problem: 'app: it is not the application of the path' };
  const { lastDirtyTimestamp, overriddenStatus, overriddenstatus, status, ...own } = rest;
  const others = otherTexts.flatMap((key) => (own[key] === '' ? [] : [[key, own[key]] as const]));
  const { '@class': _, ...metadata } = own.metadata;
  return {
    id: instanceId || own.hostName,
    info: {
      hostName: own.hostName,
      ipAddr: own.ipAddr,
      status: status === '' ? 'UP' : toStatus(status),
      overriddenStatus: toStatus(overriddenStatus || overriddenstatus),
      port: own.port ?? { number: 0, enabled: false },
      securePort: own.securePort ?? { number: 0, enabled: false },
      vipAddress: own.vipAddress,
      secureVipAddress: own.secureVipAddress,
      texts: Object.fromEntries(others),
      dataCenter: {
        class: dataCenterInfo['@class'],
        name: dataCenterInfo.name,
        metadata: dataCenterInfo.metadata,
      },
      renewalSeconds: leaseInfo.renewalIntervalInSecs,
      durationSeconds: leaseInfo.durationInSecs,
      metadata,
      lastDirtyMs: lastDirtyTimestamp,
    },
  };
}

/** Metadata with more of them. */
export function withMetadata(
  { metadata }: EurekaInfo,
  more: Readonly<Record<string, string>>,
): { readonly metadata: EurekaInfo['metadata'] } | { readonly problem: string } {
  const result = wireTexts.safeParse({ ...metadata, ...more });
  return result.success
    ? { metadata: result.data }
    : { problem: result.error.issues.map(({ message }) => message).join('; ') };
}

/** Text, where clients may write nothing, null, a number or a truth value. */
const wireText = z
  .union([z.string(), z.number(), z.boolean()])
  .nullish()
  .transform((value) => (value === undefined || value === null ? '' : String(value)))
  .pipe(text.refine(isWellFormed, 'it is no valid Unicode'));

const needed = wireText.refine((value) => value !== '', 'it is missing');

const wireTexts = z
  .record(z.string(), wireText.pipe(z.string().max(metadataLimits.valueLength)))
  .nullish()
  .transform((value) => value ?? {})
  .refine((value) => Object.keys(value).length <= metadataLimits.entries, `more than ${metadataLimits.entries} entries`)
  .refine((value) => Object.keys(value).every((key) => key.length <= metadataLimits.keyLength), 'a key is too long');

/** Whatever is there, or nothing. */
function anything() {
  return z.unknown().optional();
}

/** `{"$": 8080, "@enabled": "true"}`, or the number alone. */
const wirePort = anything().transform((value, context) => {
  if (value === undefined || value === null) return undefined;
  const number = Number(isRecord(value) ? (value['$'] ?? 0) : value);
  const flag = isRecord(value) ? value['@enabled'] : true;
  const enabled = flag === undefined || flag === true || flag === 'true';
  if (Number.isInteger(number) && number >= (enabled ? 1 : 0) && number <= 65_535) return { number, enabled };
  context.addIssue({ code: 'custom', message: 'expected {"$": NUMBER, "@enabled": "true"} from 1 to 65535' });
  return z.NEVER;
});

/** A whole number that may be written as text; what is none reads as the default. */
function wireNumber(fallback: number, max: number) {
  return anything().transform((value) => {
    const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
    return Number.isFinite(number) && number >= 0 ? Math.min(max, Math.trunc(number)) : fallback;
  });
}

/** As the servers have it: no time is the ordinary one. */
function wireSeconds(ordinary: number) {
  return wireNumber(ordinary, 31_536_000).transform((value) => (value === 0 ? ordinary : value));
}

const wireLease = z.object({ renewalIntervalInSecs: wireSeconds(30), durationInSecs: wireSeconds(90) });

const wire = z.object({
  app: needed,
  instanceId: wireText,
  hostName: needed,
  ipAddr: wireText,
  status: wireText,
  overriddenStatus: wireText,
  overriddenstatus: wireText,
  port: wirePort,
  securePort: wirePort,
  vipAddress: wireText,
  secureVipAddress: wireText,
  appGroupName: wireText,
  asgName: wireText,
  sid: wireText,
  homePageUrl: wireText,
  statusPageUrl: wireText,
  healthCheckUrl: wireText,
  secureHealthCheckUrl: wireText,
  dataCenterInfo: z.object({ '@class': wireText, name: needed, metadata: wireTexts }),
  leaseInfo: z.preprocess((value) => value ?? {}, wireLease),
  metadata: wireTexts,
  lastDirtyTimestamp: wireNumber(0, Number.MAX_SAFE_INTEGER),
});
