import { z } from 'zod';
import { HostTemplate } from '../catalog/host-template.js';
import type { MergePolicy } from '../catalog/merge.js';
import { logFormats, logLevels } from './config.js';
import { hostPort, milliseconds } from './fields.js';
import { guardsSchema, sourceGuardsSchema } from './guards-schema.js';
import { secret } from './secret.js';
import { addressesSchema, quarantineSchema, shapeRuleSchema } from './shape-schema.js';

const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const globPattern = /^[a-z0-9.*-]+$/;
const hostNamePattern = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/;

/** A name of ours: a DNS label (RFC 1123), so that it can stand in hosts, metric labels and file names. */
function label() {
  return z
    .string()
    .regex(labelPattern, 'expected a DNS label: lower-case letters, digits and dashes, at most 63, as "nacos-hz"');
}

function hostTemplate() {
  return z
    .string()
    .max(512)
    .transform((text, context): HostTemplate => {
      try {
        return new HostTemplate(text);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        context.addIssue({ code: 'custom', message: `not a naming template: ${reason}` });
        return z.NEVER;
      }
    });
}

const api = z.strictObject({
  listen: hostPort(0)
    .prefault('127.0.0.1:8080')
    .describe('Address of the REST API, health checks and metrics, HOST:PORT. Default 127.0.0.1:8080.'),
  token: secret()
    .optional()
    .describe('Bearer token that every request but /healthz and /readyz must carry; normally a placeholder.'),
  allowedHosts: z
    .array(
      z
        .string()
        .max(253)
        .regex(hostNamePattern, 'expected a host name without a port')
        .transform((host) => host.toLowerCase()),
    )
    .max(64)
    .default([])
    .describe(
      'Names that the Host header may have. On a loopback address the loopback names are always allowed, and others ' +
        'only when they are listed here; on another address all are allowed unless some are listed.',
    ),
});

const log = z.strictObject({
  level: z.enum(logLevels).default('info').describe('The least severe level that is logged. Default info.'),
  format: z.enum(logFormats).default('json').describe('json, a line an entry, or pretty, for people. Default json.'),
});

const naming = z.strictObject({
  source: z.string().optional().describe('Name of a source. Default: every source.'),
  service: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe("Glob over the service's name in the registry, * for any characters. Default: every service."),
  host: hostTemplate().describe(
    'Template of the mesh host: {attribute}, {attribute|label}, [optional part], as "{interface}.dubbo".',
  ),
  aliases: z
    .array(hostTemplate())
    .max(16)
    .optional()
    .describe('Templates of other hosts that the service has too. Default: none.'),
});

const mergeRule = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .max(253)
      .regex(globPattern, 'expected a glob over hosts: lower-case letters, digits, dots, dashes and *')
      .describe('Glob over mesh hosts, * for any characters; the first rule that matches counts.'),
    prefer: z
      .array(z.string())
      .min(1)
      .max(256)
      .optional()
      .describe('Names of sources: the first that has an instance to serve with is published.'),
    mode: z
      .enum(['union', 'refuse'])
      .optional()
      .describe('union publishes the instances of all sources; refuse the first source alone, and reports the clash.'),
  })
  .superRefine((rule, context) => {
    if ((rule.prefer === undefined) === (rule.mode === undefined)) {
      context.addIssue({ code: 'custom', message: 'expected either prefer or mode' });
    }
  })
  .transform(({ host, prefer, mode = 'union' }): { host: string; policy: MergePolicy } => ({
    host,
    policy: prefer ? { mode: 'prefer', sources: prefer } : { mode },
  }));

const merge = z.strictObject({
  default: z
    .enum(['union', 'refuse'])
    .default('union')
    .transform((mode): MergePolicy => ({ mode }))
    .describe('What is done when several sources have one host and no rule matches. Default union.'),
  rules: z.array(mergeRule).max(10_000).default([]).describe('What is done for some hosts; the first match counts.'),
});

const mebibyte = 1024 * 1024;

const warmStart = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether what sources published is kept on disk. Default true.'),
  graceMs: milliseconds(0)
    .default(5000)
    .describe(
      'How long a start waits for a registry that does not fail before what was kept is served, in milliseconds. What no registry lists within it (20 instances a millisecond) is served at once. Default 5000.',
    ),
  maxBytes: z
    .int()
    .min(mebibyte)
    .max(64 * 1024 * mebibyte)
    .default(1024 * mebibyte)
    .describe('Most that is kept on disk, in bytes; past it nothing more is kept. Default 1073741824.'),
});

const history = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether changes of the catalog are kept on disk. Default true.'),
  maxAgeMs: milliseconds(60_000, 366 * 86_400_000)
    .default(7 * 86_400_000)
    .describe('How long they are kept, in milliseconds. Default 604800000, a week.'),
  maxBytes: z
    .int()
    .min(mebibyte)
    .max(64 * 1024 * mebibyte)
    .default(256 * mebibyte)
    .describe('Most that they take on disk, in bytes; the oldest go first. Default 268435456.'),
});

/** The top level; what stands in `sources` and `sinks` is checked by kind. */
export const topSchema = z.strictObject({
  site: label().describe('Name of this site, a DNS label; marks what this site writes.'),
  api: api.prefault({}).describe('The REST API.'),
  data: z
    .string()
    .min(1)
    .max(4096)
    .default('./data')
    .describe('Folder of what is kept on disk; relative to the working directory. Default ./data.'),
  log: log.prefault({}).describe('The log, on standard error.'),
  sources: z.array(z.unknown()).min(1).max(1000).describe('Registries that are read, in order of precedence.'),
  naming: z.array(naming).max(10_000).default([]).describe('How services become mesh hosts; the first match wins.'),
  merge: merge.prefault({}).describe('What is done when several sources have one host.'),
  shape: z
    .array(shapeRuleSchema)
    .max(1000)
    .default([])
    .describe(
      'Which services are in, and what their metadata and ports are; all rules that match apply, in their order.',
    ),
  quarantine: z
    .array(quarantineSchema)
    .max(1000)
    .default([])
    .describe('Instances that get no traffic; more can be added over the API.'),
  guards: guardsSchema.prefault({}).describe('What holds back changes that look like a failure of the registry.'),
  warmStart: warmStart.prefault({}).describe('What a restart goes on with while registries cannot be read.'),
  history: history.prefault({}).describe('The log of changes of the catalog.'),
  sinks: z.array(z.unknown()).max(100).default([]).describe('Outputs of the catalog.'),
});

/** The keys that every source has beside its kind's own. */
export const sourceBase = z.strictObject({
  name: label().describe('Unique name of the source, a DNS label.'),
  kind: z.string().describe('Kind of the registry.'),
  required: z.boolean().default(true).describe('Whether nothing is served before it was read whole. Default true.'),
  graceMs: milliseconds(0)
    .default(60_000)
    .describe('How long that waits, in milliseconds; then the rest is served without it. Default 60000.'),
  staleAfterMs: milliseconds()
    .default(300_000)
    .describe('How long it may be degraded, in milliseconds, before it counts as stale. Default 300000.'),
  addresses: addressesSchema.prefault({}).describe('Which addresses of instances are let through.'),
  guards: sourceGuardsSchema.optional().describe('Guards that this source has otherwise. Default: those of all.'),
});

/** The keys that every sink has beside its kind's own. */
export const sinkBase = z.strictObject({
  name: label().optional().describe('Unique name of the sink, a DNS label. Default: its kind.'),
  kind: z.string().describe('Kind of the output.'),
});
