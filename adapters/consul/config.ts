import { z } from 'zod';
import {
  httpUrl,
  isProtocol,
  milliseconds,
  type Protocol,
  portNumber,
  secret,
  tlsClient,
} from '../../core/plugin/index.js';

/** What the port of a Consul service can speak. */
export const serviceProtocols = [
  'http',
  'http2',
  'https',
  'grpc',
  'grpc-web',
  'tcp',
  'tls',
  'udp',
  'thrift',
  'redis',
  'mongo',
  'mysql',
] as const satisfies readonly Protocol[];

export type ServiceProtocol = (typeof serviceProtocols)[number];

export function isServiceProtocol(value: string): value is ServiceProtocol {
  return isProtocol(value) && (serviceProtocols as readonly string[]).includes(value);
}

/** Connections of a datacenter and namespace at least: six watches of lists, one reader, one to spare for a reconnect. */
export const minConnectionsEach = 8;
const mebibyte = 1024 * 1024;
const namePatterns = z.array(z.string().min(1).max(255)).max(1000);
const tagList = z.array(z.string().min(1).max(255)).max(32);
const scopeName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected the name of a namespace or partition: letters, digits, - and _');
const instanceHealth = z.enum(['healthy', 'unhealthy', 'draining']);

export const consulSchema = z
  .strictObject({
    servers: z
      .array(httpUrl())
      .min(1)
      .max(32)
      .describe(
        'Base URLs of agents or servers, as http://consul:8500; one is read at a time, the others are the failover.',
      ),
    datacenters: z
      .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected the name of a datacenter: letters, digits, - and _'))
      .max(32)
      .refine((names) => new Set(names).size === names.length, 'a datacenter is named twice')
      .default([])
      .describe("Datacenters to read; the first is home and keeps plain names. Default: the agent's own alone."),
    namespaces: z
      .array(scopeName)
      .max(32)
      .refine((names) => new Set(names).size === names.length, 'a namespace is named twice')
      .default([])
      .describe(
        "Namespaces to read (Consul Enterprise); the first is home and keeps plain names. Default: the token's own alone.",
      ),
    partition: scopeName
      .optional()
      .describe("Admin partition to read (Consul Enterprise). Default: the agent's own, and nothing is sent."),
    token: secret().optional().describe('ACL token; ${env:NAME} or ${file:PATH}. Needs service:read and node:read.'),
    tls: tlsClient().optional().describe('TLS towards the servers: paths of PEM files, and the server name to expect.'),
    consistency: z
      .enum(['default', 'stale', 'consistent'])
      .default('default')
      .describe('Consistency mode of reads: stale spreads them over all servers and may be behind. Default default.'),
    maxStaleMs: milliseconds(100)
      .default(10_000)
      .describe(
        'With stale reads: a server that has not heard from its leader for longer is left for the next. Default 10000.',
      ),
    include: namePatterns
      .default(['*'])
      .describe('Services to read, by name; * stands for any characters. Default all.'),
    exclude: namePatterns
      .default(['consul'])
      .describe("Services to leave out, by name; * stands for any characters. Default consul, the servers' own."),
    tags: tagList.default([]).describe('Tags that an instance must have, all of them, to be read. Default none.'),
    excludeTags: tagList.default([]).describe('Tags that an instance must not have, none of them. Default none.'),
    nodeMeta: z
      .record(z.string().min(1).max(128), z.string().max(512))
      .refine((meta) => Object.keys(meta).length <= 32, 'more than 32 keys')
      .default({})
      .describe('Metadata that a node must have, all of it, for what is on it to be read. Default none.'),
    addressTag: z
      .enum(['lan', 'wan', 'lan_ipv4', 'lan_ipv6', 'wan_ipv4', 'wan_ipv6'])
      .optional()
      .describe(
        'Tagged address to publish, with its port, of instances or nodes that have it. Default: the plain address.',
      ),
    serviceDefaults: z
      .boolean()
      .default(true)
      .describe("Whether protocols are taken from Consul's service-defaults and proxy-defaults. Default true."),
    protocol: z
      .enum(serviceProtocols)
      .default('http')
      .describe(
        'Protocol of a service whose service-defaults, metadata, tags and proxy-defaults do not say. Default http.',
      ),
    protocolFromTags: z
      .boolean()
      .default(true)
      .describe('Whether a tag that is the name of a protocol, as grpc, names the protocol. Default true.'),
    servicePort: portNumber()
      .optional()
      .describe(
        'Number that mesh clients dial, whatever the instances listen on. Default by protocol: http 80, https 443.',
      ),
    health: z
      .strictObject({
        warning: instanceHealth
          .default('healthy')
          .describe('An instance whose worst check is `warning`. Default healthy, as Consul itself has it.'),
        maintenance: instanceHealth
          .default('draining')
          .describe('An instance in maintenance, by itself or with its node. Default draining.'),
      })
      .prefault({})
      .describe("What Consul's states are in the catalog."),
    waitMs: milliseconds(1000, 600_000)
      .default(30_000)
      .describe('How long a blocking query waits for a change, in ms; Consul adds up to a sixteenth. Default 30000.'),
    requestTimeoutMs: milliseconds(100, 600_000)
      .default(10_000)
      .describe('How long any other answer may take, in ms. Default 10000.'),
    maxConnections: z
      .int()
      .min(minConnectionsEach)
      .max(10_000)
      .default(100)
      .describe(
        'Connections to a server at most, for all datacenters and namespaces. An agent takes 200 per client. Default 100.',
      ),
    maxWatches: z
      .int()
      .min(0)
      .max(100_000)
      .default(5000)
      .describe(
        'Services with a blocking query of their own, per datacenter, at most. Over HTTP/1.1 each takes a connection. Default 5000.',
      ),
    maxProbesPerSecond: z
      .int()
      .min(1)
      .max(100_000)
      .default(2000)
      .describe(
        'Services without a watch that are asked for their index, per second and datacenter, at most. Default 2000.',
      ),
    auditMs: milliseconds(1000)
      .default(300_000)
      .describe('Time between two checks of every service, in ms, with a tenth of jitter. Default 300000.'),
    forgetEmptyAfterMs: milliseconds(0)
      .default(600_000)
      .describe(
        'How long a service stays known as an empty one after its last instance has gone, in ms. Default 600000.',
      ),
    maxResponseBytes: z
      .int()
      .min(1024)
      .default(64 * mebibyte)
      .describe('Largest answer that is read, in bytes. Default 67108864 (64 MiB).'),
  })
  .superRefine(({ datacenters, namespaces, maxConnections }, context) => {
    const read = Math.max(1, datacenters.length) * Math.max(1, namespaces.length);
    const least = read * minConnectionsEach;
    if (maxConnections >= least) return;
    const message = `${read} datacenters and namespaces need at least ${least} connections`;
    context.addIssue({ code: 'custom', path: ['maxConnections'], message });
  });

export type ConsulConfig = z.output<typeof consulSchema>;
