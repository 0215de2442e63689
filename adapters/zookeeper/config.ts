import { z } from 'zod';
import { hostPort, milliseconds, portNumber, secret, tlsClient } from '../../core/plugin/index.js';
import { defaultServicePorts } from '../dubbo/service.js';

const nodePath = z
  .string()
  .regex(/^(?:\/[^/\s]+)+$/, 'expected a path of ZooKeeper nodes that begins with a slash and does not end with one')
  .refine((path) => !/\/\.{1,2}(?:\/|$)/.test(path), 'expected a path without the parts . and ..');

const servicePorts = z
  .strictObject({
    dubbo: portNumber().default(defaultServicePorts.dubbo).describe('Port of dubbo:// services. Default 20880.'),
    tri: portNumber().default(defaultServicePorts.tri).describe('Port of tri:// services. Default 50051.'),
    rest: portNumber().default(defaultServicePorts.rest).describe('Port of rest:// services. Default 80.'),
  })
  .refine(({ dubbo, tri, rest }) => new Set([dubbo, tri, rest]).size === 3, 'expected three different ports');

/** The keys of a source of kind `zookeeper`. */
export const zookeeperSchema = z.strictObject({
  servers: z.array(hostPort()).min(1).describe('The ensemble, each as HOST:PORT.'),
  chroot: nodePath.optional().describe('Node below which everything is read, as /prod. Default: the top.'),
  dubbo: z
    .strictObject({
      root: nodePath.default('/dubbo').describe("Dubbo's root node (its registry group). Default /dubbo."),
      servicePorts: servicePorts
        .prefault({})
        .describe('Ports that mesh clients dial, by protocol, wherever the providers listen.'),
    })
    .prefault({})
    .describe('Where and how Dubbo registers its providers.'),
  auth: z
    .strictObject({
      scheme: z
        .enum(['digest', 'sasl'])
        .default('digest')
        .describe('digest: the password is sent as it is; sasl: SASL DIGEST-MD5. Default digest.'),
      username: z
        .string()
        .regex(/^[^:]+$/, 'expected a name without a colon')
        .describe('User name.'),
      password: secret().describe('Password, as ${env:NAME} or ${file:PATH}.'),
    })
    .optional()
    .describe('Credentials. Default: none.'),
  tls: tlsClient()
    .optional()
    .describe('TLS towards the servers, whose ports are then their secure ones; {} for the authorities of the system.'),
  readOnly: z
    .boolean()
    .default(false)
    .describe(
      'Whether to read from a server that has lost its quorum (read-only mode) when no other takes us. Default false.',
    ),
  watch: z
    .enum(['auto', 'recursive', 'classic'])
    .default('auto')
    .describe(
      'recursive: one watch for all (ZooKeeper 3.6); classic: one for each interface; auto: what the server can. Default auto.',
    ),
  sessionTimeoutMs: milliseconds(1000, 600_000)
    .default(15_000)
    .describe(
      'Session timeout asked for, milliseconds; a silent server is given up after two thirds of it. Default 15000.',
    ),
  connectTimeoutMs: milliseconds(100, 60_000)
    .default(5000)
    .describe('Time for connect and handshake with one server, milliseconds. Default 5000.'),
  requestTimeoutMs: milliseconds(100, 600_000)
    .default(30_000)
    .describe('Time for one answer, milliseconds. Default 30000.'),
  concurrency: z.int().min(1).max(1024).default(256).describe('Requests in flight at once. Default 256.'),
  maxResponseBytes: z
    .int()
    .min(4_194_304)
    .max(268_435_456)
    .default(67_108_864)
    .describe(
      'Longest answer that is read, bytes, at least 4 MiB; an interface with a longer one is not followed. Default 67108864.',
    ),
  auditIntervalMs: milliseconds(0)
    .default(300_000)
    .describe('Mean time between audits for changes that no watch told, milliseconds; 0 for none. Default 300000.'),
});

export type ZookeeperConfig = z.output<typeof zookeeperSchema>;
