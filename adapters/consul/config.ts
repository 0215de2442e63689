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

/** Connections that a datacenter takes at least: four watches of lists, one reader and one to spare for a reconnect. */
export const minConnectionsPerDatacenter = 6;
const mebibyte = 1024 * 1024;
const namePatterns = z.array(z.string().min(1).max(255)).max(1000);

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
    token: secret().optional().describe('ACL token; ${env:NAME} or ${file:PATH}. Needs service:read and node:read.'),
    tls: tlsClient().optional().describe('TLS towards the servers: paths of PEM files, and the server name to expect.'),
    consistency: z
      .enum(['default', 'stale', 'consistent'])
      .default('default')
      .describe('Consistency mode of reads: stale spreads them over all servers and may be behind. Default default.'),
    include: namePatterns
      .default(['*'])
      .describe('Services to read, by name; * stands for any characters. Default all.'),
    exclude: namePatterns
      .default(['consul'])
      .describe("Services to leave out, by name; * stands for any characters. Default consul, the servers' own."),
    tags: z
      .array(z.string().min(1).max(255))
      .max(32)
      .default([])
      .describe('Tags that an instance must have, all of them, to be read. Default none.'),
    protocol: z
      .enum(serviceProtocols)
      .default('http')
      .describe('Protocol of a service whose metadata key `protocol` and tags do not say. Default http.'),
    protocolFromTags: z
      .boolean()
      .default(true)
      .describe('Whether a tag that is the name of a protocol, as grpc, names the protocol. Default true.'),
    servicePort: portNumber()
      .optional()
      .describe(
        'Number that mesh clients dial, whatever the instances listen on. Default by protocol: http 80, https 443.',
      ),
    warning: z
      .enum(['healthy', 'unhealthy'])
      .default('healthy')
      .describe(
        'What an instance is whose worst check is in the state warning. Default healthy, as Consul itself has it.',
      ),
    waitMs: milliseconds(1000, 600_000)
      .default(30_000)
      .describe('How long a blocking query waits for a change, in ms; Consul adds up to a sixteenth. Default 30000.'),
    requestTimeoutMs: milliseconds(100, 600_000)
      .default(10_000)
      .describe('How long any other answer may take, in ms. Default 10000.'),
    maxConnections: z
      .int()
      .min(minConnectionsPerDatacenter)
      .max(10_000)
      .default(100)
      .describe('Connections to a server at most, for all datacenters. An agent takes 200 per client. Default 100.'),
    maxProbesPerSecond: z
      .int()
      .min(1)
      .max(100_000)
      .default(1000)
      .describe(
        'Services without a watch that are asked for their index, per second and datacenter, at most. Default 1000.',
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
  .superRefine(({ datacenters, maxConnections }, context) => {
    const least = Math.max(1, datacenters.length) * minConnectionsPerDatacenter;
    if (maxConnections >= least) return;
    const message = `${datacenters.length} datacenters need at least ${least} connections`;
    context.addIssue({ code: 'custom', path: ['maxConnections'], message });
  });

export type ConsulConfig = z.output<typeof consulSchema>;
