import { isIP } from 'node:net';
import { z } from 'zod';
import { hostPort, milliseconds } from '../../core/plugin/index.js';
import { isDnsLabel, isDnsName } from '../istio/dns-names.js';
import { upstreamSchema } from './upstream-config.js';

const globs = z.array(z.string().min(1).max(253)).max(1000);
const name = z.string().refine(isDnsLabel, 'expected a DNS label in lower case, as edge or web-1');
const dnsName = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine(isDnsName, 'expected a DNS name, as shop.example.com');
const path = z
  .string()
  .max(1024)
  .regex(
    /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/,
    'expected a path that begins with a slash, with no query and no fragment',
  );
const file = z.string().min(1).max(4096);

/** Hosts of the catalog, by patterns. */
export const hostFilter = z.strictObject({
  include: globs.min(1).optional().describe('Globs of hosts to take, * for any characters. Default: all.'),
  exclude: globs.default([]).describe('Globs of hosts to leave out. Default: none.'),
});

export type HostFilter = z.output<typeof hostFilter>;

const retry = z.strictObject({
  attempts: z.int().min(1).max(10).default(2).describe('Retries beside the first try. Default 2.'),
  on: z
    .array(z.string().regex(/^[a-z0-9-]{1,64}$/, "expected a condition of Envoy's, as connect-failure or 5xx"))
    .min(1)
    .max(16)
    .default(['connect-failure', 'refused-stream', 'reset-before-request'])
    .describe(
      "Envoy's conditions (retry_on). Default connect-failure, refused-stream and reset-before-request: those in which " +
        'no instance has seen the request.',
    ),
  perTryTimeoutMs: milliseconds(1).optional().describe('Milliseconds for one try. Default: the whole timeout.'),
});

const routing = {
  timeoutMs: milliseconds(0)
    .optional()
    .describe('Milliseconds for an answer over HTTP; 0: none. gRPC calls have the deadline of their caller.'),
  retry: z
    .union([retry, z.literal(false)])
    .optional()
    .describe('When requests are tried again; false: never.'),
};

const rule = z.strictObject({
  hosts: globs.min(1).describe('Globs of hosts that it is for; of several rules the first that matches counts.'),
  port: name.optional().describe('Name of the port that requests go to. Default: the lowest of a fitting protocol.'),
  domains: z
    .array(dnsName)
    .max(64)
    .default([])
    .describe(
      'More names that clients call the services by; services may share one and divide its paths. Default: none.',
    ),
  paths: z.array(path).min(1).max(64).default(['/']).describe('Prefixes of paths, whole segments. Default [/].'),
  stripPath: z
    .boolean()
    .default(false)
    .describe('Whether the prefix is taken off before the request goes on. Default false.'),
  thriftService: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('Name by which multiplexed Thrift calls name the service. Default: its host.'),
  ...routing,
});

const certificate = z.strictObject({
  cert: file.describe('PEM file of the certificate, with those that it is signed by.'),
  key: file.describe('PEM file of its key.'),
});

const tls = z.strictObject({
  certificates: z
    .array(certificate)
    .min(1)
    .max(100)
    .describe('Certificates; clients get the one whose names fit what they ask for, or the first.'),
  from: z
    .enum(['gateway', 'isthmus'])
    .default('gateway')
    .describe(
      'Whose disk the files are on. gateway: Envoy reads them itself, once. isthmus: they are read here, sent within the ' +
        'listener, and again when they change; beyond loopback that takes tls.clientCa of the sink, for keys go over its port. Default gateway.',
    ),
  clientCa: file
    .optional()
    .describe('PEM file of authorities: clients must show a certificate of theirs. Default: none is asked for.'),
  minVersion: z.enum(['1.2', '1.3']).default('1.2').describe('Lowest version of TLS. Default 1.2.'),
});

export type TlsConfig = z.output<typeof tls>;

const listenerBase = {
  name: name.describe('Name of the listener, unique within the gateway.'),
  listen: hostPort().describe('HOST:PORT that Envoy listens on; the host is an IP address, as 0.0.0.0.'),
};
const ended = tls.optional().describe('TLS that ends at the gateway. Default: plain text.');
const only = dnsName.optional();

const listener = z.discriminatedUnion('protocol', [
  z.strictObject({
    ...listenerBase,
    protocol: z.literal('http').describe('HTTP/1.1, HTTP/2, gRPC and WebSockets, by host and path.'),
    tls: ended,
  }),
  z.strictObject({
    ...listenerBase,
    protocol: z.literal('tls').describe('TLS that is passed on as it is, by the name the client asks for (SNI).'),
  }),
  z.strictObject({
    ...listenerBase,
    protocol: z
      .literal('tcp')
      .describe('Bytes: of one service, or with TLS that ends here, of the one that the client asks for (SNI).'),
    tls: ended,
    service: only.describe('Host of the one service. Default: every one by its name, which takes tls.'),
  }),
  z.strictObject({
    ...listenerBase,
    protocol: z.literal('dubbo').describe('The Dubbo protocol, by interface, group and version.'),
    tls: ended,
  }),
  z.strictObject({
    ...listenerBase,
    protocol: z.literal('thrift').describe('Thrift, by the service that multiplexed calls name, or of one service.'),
    tls: ended,
    service: only.describe('Host of the one service that all calls go to. Default: by the name in the call.'),
    transport: z
      .enum(['auto', 'framed', 'unframed', 'header'])
      .default('auto')
      .describe("Thrift's transport. Default auto."),
    encoding: z
      .enum(['auto', 'binary', 'lax-binary', 'compact'])
      .default('auto')
      .describe("Thrift's protocol. Default auto."),
  }),
]);

export type ListenerConfig = z.output<typeof listener>;
export type ListenerOf<Protocol extends ListenerConfig['protocol']> = Extract<ListenerConfig, { protocol: Protocol }>;

export const gatewaySchema = z
  .strictObject({
    name: name.describe('Its Envoys call themselves this in node.cluster.'),
    services: hostFilter.prefault({}).describe('Services that it exposes. Default: all.'),
    domain: dnsName
      .optional()
      .describe(
        'Suffix: a service is called HOST.SUFFIX, too, as orders.legacy.example.com. Default: by its host alone.',
      ),
    locality: z
      .string()
      .regex(/^[^/]+(?:\/[^/]+){0,2}$/, 'expected REGION, REGION/ZONE or REGION/ZONE/SUBZONE')
      .max(253)
      .optional()
      .describe('Where its Envoys are, REGION/ZONE/SUBZONE: nearer instances come first. Default: all are alike.'),
    listeners: z.array(listener).min(1).max(64).describe('Where it takes requests.'),
    upstream: upstreamSchema.prefault({}).describe('How it connects to instances.'),
    timeoutMs: milliseconds(0)
      .default(15_000)
      .describe('Milliseconds for an answer over HTTP; 0: none. Default 15000.'),
    retry: z
      .union([retry, z.literal(false)])
      .prefault({})
      .describe('When requests over HTTP are tried again; false: never.'),
    rules: z.array(rule).max(1000).default([]).describe('What differs for some services. Default: none.'),
  })
  .superRefine(({ listeners }, context) => {
    const names = new Set<string>();
    const addresses = new Set<string>();
    for (const [index, entry] of listeners.entries()) {
      const problem = (key: string, message: string) =>
        context.addIssue({ code: 'custom', path: ['listeners', index, key], message });
      const address = `${entry.listen.host} ${entry.listen.port}`;
      if (names.has(entry.name)) problem('name', 'another listener of the gateway has this name; give each its own');
      if (addresses.has(address)) problem('listen', 'another listener of the gateway listens there');
      if (!isAddress(entry.listen.host)) problem('listen', 'Envoy listens on IP addresses, as 0.0.0.0 or [::]');
      if (entry.protocol === 'tcp' && !entry.tls && entry.service === undefined) {
        problem('service', 'missing; without tls nothing tells services apart: name the one whose port this is');
      }
      names.add(entry.name);
      addresses.add(address);
    }
  });

export type GatewayConfig = z.output<typeof gatewaySchema>;
export type RuleConfig = GatewayConfig['rules'][number];
export type RetryConfig = z.output<typeof retry>;

function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}
