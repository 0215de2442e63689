import { z } from 'zod';
import { httpUrl, milliseconds, portNumber, protocols, secret, tlsClient } from '../../core/plugin/index.js';
import { selectionSchema } from './selection.js';
import { parseServer } from './server.js';

const globs = () => z.array(z.string().min(1).max(512)).max(1000);

/** The keys of a source of kind `nacos`. */
export const nacosSchema = z
  .strictObject({
    servers: z
      .array(httpUrl())
      .min(1)
      .max(100)
      .describe('Base URLs of the cluster, as http://nacos:8848; without a path, /nacos is meant. https for TLS.'),
    mode: z
      .enum(['auto', 'grpc', 'http'])
      .default('auto')
      .describe(
        'grpc for servers of 2.x and 3.x; http polls the API of 1.x; auto: http where a server has nothing newer. ' +
          'Default auto.',
      ),
    namespaces: selectionSchema(128)
      .optional()
      .describe(
        'Namespaces to read, a list or include and exclude, by id or title, * for any characters; public is the ' +
          'default one. Default: all that the server lists.',
      ),
    groups: selectionSchema(128)
      .optional()
      .describe('Groups to read, as DEFAULT_GROUP; a list or include and exclude, * for any characters. Default: all.'),
    clusters: selectionSchema(64)
      .optional()
      .describe(
        'Only instances in these Nacos clusters; a list or include and exclude, * for any characters. Default: all.',
      ),
    clusterLocality: z
      .enum(['none', 'region', 'zone', 'subzone'])
      .default('none')
      .describe('What the cluster of an instance is in its locality, unless its metadata say. Default none.'),
    include: globs().min(1).optional().describe('Globs of service names to read, * for any characters. Default: all.'),
    exclude: globs().default([]).describe('Globs of service names to leave out. Default: none.'),
    username: z.string().min(1).max(128).optional().describe('User to log in as. Default: no login.'),
    password: secret().optional().describe('Its password; use ${env:NAME} or ${file:PATH}.'),
    accessKey: z.string().min(1).max(256).optional().describe('Access key to sign requests with. Default: none.'),
    secretKey: secret().optional().describe('Its secret; use ${env:NAME} or ${file:PATH}.'),
    signingRegion: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('Region for signatures of version 4. Default: signatures of version 1.'),
    grpcPortOffset: z
      .int()
      .min(-65_534)
      .max(65_534)
      .default(1000)
      .describe('The gRPC port is the port of the URL plus this. Default 1000.'),
    tls: tlsClient()
      .optional()
      .describe('TLS towards servers with https URLs, for HTTP and gRPC. Default: the authorities of the system.'),
    protocol: z
      .enum(protocols)
      .default('http')
      .describe('Protocol of services whose metadata name none. Default http.'),
    servicePort: portNumber()
      .optional()
      .describe('Port that mesh clients dial for services that are not Dubbo. Default: by protocol, 80 for http.'),
    listIntervalMs: milliseconds(100)
      .default(10_000)
      .describe('How often names are listed on 2.x; six times as long on 3.x, which pushes them. Default 10000.'),
    dubbo: z
      .strictObject({
        applications: z
          .boolean()
          .default(true)
          .describe(
            'Whether applications of Dubbo 3 are read: what each provides is asked of the metadata report or of itself. ' +
              'Default true.',
          ),
        rules: z.boolean().default(true).describe('Whether the rules in the group dubbo are read. Default true.'),
        consumers: z.boolean().default(true).describe('Whether consumers that register are read. Default true.'),
      })
      .prefault({})
      .describe('What is read of Dubbo beside providers by interface.'),
    pollIntervalMs: milliseconds(100)
      .default(10_000)
      .describe('In mode http: in this time every service is asked for once, spread evenly. Default 10000.'),
    subscribersIntervalMs: milliseconds(0)
      .default(300_000)
      .describe('In this time it is asked once of every service who subscribes to it; 0: never. Default 300000.'),
    auditIntervalMs: milliseconds(1000)
      .default(300_000)
      .describe('In this time every service is read once besides what is pushed, spread evenly. Default 300000.'),
    requestTimeoutMs: milliseconds(100, 600_000).default(5000).describe('Deadline of one request. Default 5000.'),
    keepAliveMs: milliseconds(100, 15_000)
      .default(5000)
      .describe('How often a connection is tried; two failures in a row end it. Nacos ends idle ones. Default 5000.'),
    settleMs: milliseconds(0, 600_000)
      .default(15_000)
      .describe(
        'After a reconnect: how long instances may be missing before that is published. A restarted server knows none ' +
          'until its clients have registered again. Default 15000.',
      ),
    retryBaseMs: milliseconds(10).default(500).describe('First wait after a failure; it doubles. Default 500.'),
    retryMaxMs: milliseconds(10).default(15_000).describe('Longest wait after a failure. Default 15000.'),
    maxRequestsPerSecond: z.int().min(1).max(100_000).default(1000).describe('Requests a second. Default 1000.'),
    maxConcurrentRequests: z.int().min(1).max(1000).default(64).describe('Requests under way. Default 64.'),
  })
  .superRefine((config, context) => {
    const complain = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if ((config.username === undefined) !== (config.password === undefined)) {
      const missing = config.username === undefined ? 'username' : 'password';
      complain([missing], 'username and password belong together');
    }
    if ((config.accessKey === undefined) !== (config.secretKey === undefined)) {
      const missing = config.accessKey === undefined ? 'accessKey' : 'secretKey';
      complain([missing], 'accessKey and secretKey belong together');
    }
    if (config.signingRegion !== undefined && config.accessKey === undefined) {
      complain(['signingRegion'], 'there is no accessKey to sign with');
    }
    const servers = config.servers.map((url) => parseServer(url, config.grpcPortOffset));
    for (const [index, { grpc }] of servers.entries()) {
      if (config.mode !== 'http' && (grpc.port < 1 || grpc.port > 65_535))
        complain(['servers', index], `the gRPC port would be ${grpc.port}`);
    }
    if (config.tls && !servers.some(({ secure }) => secure)) complain(['tls'], 'no server has a URL with https');
  });

export type NacosConfig = z.output<typeof nacosSchema>;
