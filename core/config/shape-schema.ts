import { z } from 'zod';
import { protocols } from '../model/index.js';
import { AddressSet } from '../shape/address-set.js';
import { portNumber } from './fields.js';

const glob = () => z.string().min(1).max(512);
const key = () => z.string().min(1).max(256);
const value = () => z.string().max(4096);
const portName = () =>
  z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'expected a DNS label, as http or grpc-admin');

function labels(what: string) {
  return z.record(key(), z.string().max(4096)).optional().describe(`Globs over ${what}, by key; each has to match.`);
}

const selectorKeys = {
  service: glob().optional().describe("Glob over the service's name in the registry. Default: each."),
  namespace: z.string().max(512).optional().describe('Glob over its namespace in the registry. Default: each.'),
  labels: labels("the service's metadata"),
};

function relabel(whose: string) {
  return z
    .strictObject({
      keep: z.array(key()).max(256).optional().describe('Globs over keys: the others are dropped. Default: all stay.'),
      drop: z.array(key()).max(256).optional().describe('Globs over keys that are dropped. Default: none.'),
      map: z.record(key(), key()).optional().describe('New key by old key. Default: none.'),
      default: z.record(key(), value()).optional().describe('Values of keys that are not there. Default: none.'),
    })
    .optional()
    .describe(`What becomes of the metadata of ${whose}, in the order keep, drop, map, default.`);
}

const portRule = z.strictObject({
  name: glob().optional().describe("Glob over the port's name. Default: each."),
  number: portNumber().optional().describe('The number that mesh clients dial. Default: each.'),
  as: portName().optional().describe('New name. Default: as it is.'),
  protocol: z.enum(protocols).optional().describe('Protocol. Default: as it is.'),
  dial: portNumber().optional().describe('New number that mesh clients dial. Default: as it is.'),
  drop: z.boolean().optional().describe('Whether the port is left out. Default false.'),
});

/** A rule of `shape`. */
export const shapeRuleSchema = z.strictObject({
  source: glob().optional().describe('Glob over sources. Default: each.'),
  ...selectorKeys,
  include: z
    .array(z.strictObject(selectorKeys))
    .min(1)
    .max(1000)
    .optional()
    .describe('Of these services, only those that one of these selects. Default: all.'),
  exclude: z
    .array(z.strictObject(selectorKeys))
    .max(1000)
    .optional()
    .describe('Services that are left out. Default: none.'),
  metadata: relabel('the service'),
  instanceMetadata: relabel('each instance'),
  ports: z
    .array(portRule)
    .max(100)
    .optional()
    .describe('What becomes of ports; the first rule that matches one counts.'),
});

function isAddress(entry: string): boolean {
  try {
    new AddressSet([entry]);
    return true;
  } catch {
    return false;
  }
}

const addressEntry = () =>
  z
    .string()
    .max(253)
    .refine(isAddress, 'expected an IP address, a CIDR block as 10.0.0.0/8, or a DNS name, * for any characters');

function addressSet() {
  return z
    .array(addressEntry())
    .max(1000)
    .default([])
    .transform((entries) => new AddressSet(entries.filter(isAddress)));
}

/** The address policy of a source. */
export const addressesSchema = z.strictObject({
  allow: addressSet().describe('IP addresses, CIDR blocks, DNS names with *: when there are any, others are left out.'),
  deny: addressSet().describe('IP addresses, CIDR blocks, DNS names with *, that are left out.'),
  loopback: z
    .boolean()
    .default(false)
    .describe("Whether this machine's own addresses are let through. Default false: a proxy would call itself."),
});

/** RFC 3339, with a zone: a local time would mean something else on another machine. */
const timePattern =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/;

/** An entry of `quarantine`. */
export const quarantineSchema = z
  .strictObject({
    source: glob().optional().describe('Glob over sources. Default: each.'),
    service: glob().optional().describe("Glob over services' names in the registry. Default: each."),
    address: addressEntry().optional().describe('IP address, CIDR block, or DNS name with *. Default: each.'),
    labels: labels("the instance's metadata"),
    reason: z.string().min(1).max(500).describe('Why, for those who look at it.'),
    until: z
      .string()
      .regex(timePattern, 'expected a time as 2026-01-31T18:00:00Z')
      .refine((text) => !timePattern.test(text) || !Number.isNaN(Date.parse(text)), 'there is no such time')
      .transform((text) => Date.parse(text))
      .optional()
      .describe('When it ends, as 2026-01-31T18:00:00Z. Default: when it is taken out of the configuration.'),
  })
  .superRefine(({ address, labels: given }, context) => {
    if (address === undefined && Object.keys(given ?? {}).length === 0) {
      context.addIssue({
        code: 'custom',
        message: 'expected an address or labels: whole services are left out by shape',
      });
    }
  });
