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

const globs = z.array(z.string().min(1).max(512)).max(1000);

function filter(what: string) {
  return z
    .strictObject({
      include: globs.min(1).optional().describe(`Globs of ${what} to read, * for any characters. Default: all.`),
      exclude: globs.default([]).describe(`Globs of ${what} to leave out. Default: none.`),
    })
    .prefault({});
}

const metadata = z.strictObject({
  timeoutMs: milliseconds(100, 60_000)
    .default(3000)
    .describe("Time for one answer of a provider's MetadataService, milliseconds. Default 3000."),
  concurrency: z.int().min(1).max(256).default(16).describe('Providers that are asked at once. Default 16.'),
  maxAnswerBytes: z
    .int()
    .min(65_536)
    .max(268_435_456)
    .default(16_777_216)
    .describe('Longest answer of a provider that is read, bytes. Default 16777216.'),
});

const dubbo = z
  .strictObject({
    root: nodePath.optional().describe("Dubbo's root node (its registry group). Default /dubbo."),
    roots: z
      .array(nodePath)
      .min(1)
      .max(100)
      .optional()
      .describe('Several root nodes, in place of root; what is not in the first one has its root in its name.'),
    discovery: z
      .enum(['interface', 'application', 'both'])
      .default('both')
      .describe('Which records are read: by interface, by application (Dubbo 3), or both as one. Default both.'),
    servicesRoot: nodePath
      .default('/services')
      .describe('Node below which applications register their instances. Default /services.'),
    configRoot: nodePath
      .default('/dubbo/config')
      .describe('Root node of the config centre; its rules stand in the group dubbo. Default /dubbo/config.'),
    rules: z
      .boolean()
      .default(true)
      .describe('Whether configurators and routers are read, and what can be applied is applied. Default true.'),
    consumers: z.boolean().default(true).describe('Whether consumers are read, for the service map. Default true.'),
    interfaces: filter('interfaces').describe('Which interfaces are read.'),
    mapping: z
      .boolean()
      .default(true)
      .describe(
        "Whether applications that Dubbo's mapping names for interfaces that are left out, and for no other, are passed over. Default true.",
      ),
    applications: filter('applications').describe('Which applications are read, with discovery by application.'),
    metadata: metadata.prefault({}).describe('Asking providers for what they export, with discovery by application.'),
    servicePorts: servicePorts
      .prefault({})
      .describe('Ports that mesh clients dial, by protocol, wherever the providers listen.'),
  })
  .superRefine(({ root, roots }, context) => {
    if (root !== undefined && roots !== undefined) {
      context.addIssue({ code: 'custom', path: ['roots'], message: 'expected either root or roots' });
    }
    if (roots && new Set(roots).size !== roots.length) {
      context.addIssue({ code: 'custom', path: ['roots'], message: 'expected each root once' });
    }
  });

export type DubboConfig = z.output<typeof dubbo>;

/** The keys of a source of kind `zookeeper`. */
export const zookeeperSchema = z.strictObject({
  servers: z.array(hostPort()).min(1).describe('The ensemble, each as HOST:PORT.'),
  chroot: nodePath.optional().describe('Node below which everything is read, as /prod. Default: the top.'),
  dubbo: dubbo.prefault({}).describe('Where and how Dubbo registers its providers.'),
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
