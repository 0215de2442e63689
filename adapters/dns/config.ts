import { isIP } from 'node:net';
import { z } from 'zod';
import { hostPort, milliseconds, portNumber, protocols } from '../../core/plugin/index.js';

export const nameTypes = ['A', 'AAAA', 'A+AAAA', 'SRV'] as const;

/** Letters, digits, dashes; underscores as in `_http._tcp.orders.internal`. */
const dnsName = z
  .string()
  .max(253)
  .regex(
    /^(?!.*\.[0-9]+\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/,
    'expected a DNS name, as orders.internal',
  );

const nameSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/, 'expected 1 to 253 letters, digits and . _ -')
      .optional()
      .describe('Name of the service. Default: the DNS name.'),
    host: dnsName.describe('DNS name to resolve, whole: no search domains are tried.'),
    type: z.enum(nameTypes).default('A+AAAA').describe('Records to ask for. Default A+AAAA.'),
    port: portNumber().optional().describe('Port that the instances listen on; SRV records have their own.'),
    protocol: z.enum(protocols).default('http').describe('Protocol of the port. Default http.'),
    servicePort: portNumber()
      .optional()
      .describe('Number that mesh clients dial, whatever the instances listen on. Default by protocol, 80 for http.'),
  })
  .superRefine(({ type, port }, context) => {
    const isSrv = type === 'SRV';
    if (isSrv === (port === undefined)) return;
    const message = isSrv ? 'SRV records have ports of their own' : 'say which; only SRV records have one';
    context.addIssue({ code: 'custom', path: ['port'], message });
  });

export const dnsSchema = z.strictObject({
  names: z
    .array(nameSchema)
    .min(1)
    .max(1000)
    .superRefine((names, context) => {
      const seen = new Set<string>();
      names.forEach((entry, index) => {
        const name = serviceNameOf(entry).toLowerCase();
        if (seen.has(name)) {
          context.addIssue({ code: 'custom', path: [index, 'name'], message: 'another service has this name' });
        }
        seen.add(name);
      });
    })
    .describe('The services, each a DNS name.'),
  servers: z
    .array(hostPort().refine(({ host }) => isIP(host) !== 0, 'expected an IP address with a port, as 10.0.0.2:53'))
    .min(1)
    .max(8)
    .optional()
    .describe('DNS servers that resolve names, each IP:PORT; the first is asked first. Default: those of the system.'),
  minIntervalMs: milliseconds(100)
    .default(5000)
    .describe('Shortest time between two queries of a name, in ms, however short its TTL. Default 5000.'),
  maxIntervalMs: milliseconds(100)
    .default(300_000)
    .describe('Longest time between two queries of a name, in ms, however long its TTL. Default 300000.'),
  negativeGraceMs: milliseconds(0)
    .default(60_000)
    .describe('How long a name keeps its instances when servers say that it has none any more, in ms. Default 60000.'),
  timeoutMs: milliseconds(10).default(2000).describe('How long a server may take to answer, in ms. Default 2000.'),
  attempts: z.int().min(1).max(10).default(2).describe('How often all servers are asked before giving up. Default 2.'),
  maxConcurrentQueries: z.int().min(1).max(1000).default(32).describe('Queries under way at once. Default 32.'),
  priorities: z
    .enum(['lowest', 'all'])
    .default('lowest')
    .describe(
      'Which SRV records get traffic: those of the lowest priority number, or all by their weights. Default lowest.',
    ),
});

export type DnsConfig = z.output<typeof dnsSchema>;
export type NameConfig = z.output<typeof nameSchema>;

export function serviceNameOf({ name, host }: { readonly name?: string | undefined; readonly host: string }): string {
  return name ?? host.replace(/\.$/, '');
}
