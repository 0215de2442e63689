import { z } from 'zod';
import { httpUrl, milliseconds, portNumber, protocols, secret, tlsClient } from '../../core/plugin/index.js';
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
    namespaces: z
      .array(z.string().min(1).max(128))
      .min(1)
      .max(1000)
      .optional()
      .describe('Ids of the namespaces to read; public is the default one. Default: all that the server lists.'),
    groups: z
      .array(z.string().min(1).max(128))
      .min(1)
      .max(1000)
      .optional()
      .describe('Groups to read, as DEFAULT_GROUP. Default: all.'),
    clusters: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(1000)
      .optional()
      .describe('Only instances in these Nacos clusters. Default: all.'),
    include: globs().min(1).optional().describe('Globs of service names to read, * for any characters. Default: all.'),
    exclude: globs().default([]).describe('Globs of service names to leave out. Default: none.'),
    username: z.string().min(1).max(128).optional().describe('User to log in as. Default: no login.'),
    password: secret().optional().describe('Its password; use ${env:NAME} or ${file:PATH}.'),
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
    const servers = config.servers.map((url) => parseServer(url, config.grpcPortOffset));
    for (const [index, { grpc }] of servers.entries()) {
      if (grpc.port < 1 || grpc.port > 65_535) complain(['servers', index], `the gRPC port would be ${grpc.port}`);
    }
    if (config.tls && !servers.some(({ secure }) => secure)) complain(['tls'], 'no server has a URL with https');
  });

export type NacosConfig = z.output<typeof nacosSchema>;
