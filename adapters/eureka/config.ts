import { z } from 'zod';
import {
  httpUrl,
  isProtocol,
  milliseconds,
  type Protocol,
  portNumber,
  secondGrpcPortNumber,
  secret,
  servicePortNumbers,
  tlsClient,
} from '../../core/plugin/index.js';

/** What the plain port of an application can speak. The secure port is always `https`. */
export const plainProtocols = ['http', 'http2', 'grpc', 'tcp', 'thrift', 'rest'] as const satisfies readonly Protocol[];

export function isPlainProtocol(value: string): value is (typeof plainProtocols)[number] {
  return isProtocol(value) && (plainProtocols as readonly string[]).includes(value);
}

/** Service-side numbers of the ports whose number is not a matter of configuration. */
export const securePortNumber = servicePortNumbers.https;
export const grpcPortNumber = secondGrpcPortNumber;

const megabyte = 1024 * 1024;

export const eurekaSchema = z
  .strictObject({
    servers: z
      .array(httpUrl())
      .min(1)
      .max(32)
      .describe(
        'Base URLs of the servers, as http://eureka:8761/eureka, those of the own zone first: the first that answers is read, the others are the failover.',
      ),
    regions: z
      .array(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected the name of a region, as us-west-2'))
      .max(32)
      .default([])
      .describe('Remote regions to read too, by the names that the servers know them by. Default: the own one alone.'),
    username: z.string().min(1).optional().describe('User for HTTP basic authentication.'),
    password: secret().optional().describe('Password for HTTP basic authentication; ${env:NAME} or ${file:PATH}.'),
    tls: tlsClient().optional().describe('TLS towards the servers: paths of PEM files, and the server name to expect.'),
    intervalMs: milliseconds(100, 60_000)
      .default(5000)
      .describe('Pause between two polls for changes, in ms; a jitter of a tenth is added. Default 5000.'),
    fullIntervalMs: milliseconds(1000)
      .default(600_000)
      .describe(
        'Time between two full listings that audit what the polls have built up, in ms, with jitter. Default 600000.',
      ),
    requestTimeoutMs: milliseconds(100, 600_000)
      .default(10_000)
      .describe('How long a server may take to begin its answer, and between two parts of it, in ms. Default 10000.'),
    maxResponseBytes: z
      .int()
      .min(1024)
      .default(256 * megabyte)
      .describe('Largest answer that is read, in bytes after decompression. Default 268435456 (256 MiB).'),
    missingGraceMs: milliseconds(0)
      .default(90_000)
      .describe(
        'How long an instance stays published that a full listing lacks although no deletion was reported, in ms: a restarted server begins empty. Default 90000, the default lease.',
      ),
    forgetEmptyAfterMs: milliseconds(0)
      .default(600_000)
      .describe(
        'How long an application stays known as an empty service after its last instance has gone, in ms. Default 600000.',
      ),
    address: z
      .enum(['ip', 'hostname', 'auto'])
      .default('ip')
      .describe(
        'Which address of an instance is published: ip, its ipAddr; hostname, its hostName; auto, the ipAddr where it is one that can be called, else the hostName. Default ip.',
      ),
    serviceName: z
      .enum(['app', 'vip'])
      .default('app')
      .describe(
        'What makes up a service: app, an application; vip, all instances with one vipAddress or secureVipAddress, of whatever application. Default app.',
      ),
    protocol: z
      .enum(plainProtocols)
      .default('http')
      .describe('Protocol of the plain port where the metadata key `protocol` does not say. Default http.'),
    servicePort: portNumber()
      .refine((port) => port !== securePortNumber && port !== grpcPortNumber, {
        error: `${securePortNumber} and ${grpcPortNumber} are the numbers of the secure and the gRPC port`,
      })
      .default(80)
      .describe('Number that mesh clients dial for the plain port, whatever the instances listen on. Default 80.'),
    dashboardPath: z
      .string()
      .regex(/^\/[^?#\s]{0,255}$/, 'expected a path that begins with /')
      .default('/')
      .describe(
        'Path of the web pages of a Spring server (its eureka.dashboard.path), which tell of self-preservation. Default /.',
      ),
    dashboardIntervalMs: milliseconds(0)
      .default(60_000)
      .describe('Time between two looks at that page, in ms, with jitter; 0 for none. Default 60000.'),
  })
  .superRefine((config, context) => {
    if ((config.username === undefined) === (config.password === undefined)) return;
    const missing = config.username === undefined ? 'username' : 'password';
    context.addIssue({ code: 'custom', path: [missing], message: 'username and password go together' });
  });

export type EurekaConfig = z.output<typeof eurekaSchema>;
