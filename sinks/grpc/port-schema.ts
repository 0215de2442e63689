import { z } from 'zod';
import { formatHostPort, type HostPort, milliseconds } from '../../core/plugin/index.js';
import { defaultLimits } from './port-limits.js';
import { isSanPattern } from './san-allow-list.js';

const tls = z
  .strictObject({
    cert: z.string().min(1).describe('PEM file of the certificate, with its chain. Read again when it changes.'),
    key: z
      .string()
      .min(1)
      .describe("PEM file of the certificate's key, without a passphrase. Read again when it changes."),
    clientCa: z
      .string()
      .min(1)
      .optional()
      .describe(
        'PEM file of authorities; clients must show a certificate that one of them signed. Default: none is asked for.',
      ),
    clientSans: z
      .array(
        z
          .string()
          .refine(
            isSanPattern,
            'expected a DNS name, *.SUFFIX, or a URI, as spiffe://DOMAIN/PATH or with /* at its end',
          ),
      )
      .max(1000)
      .default([])
      .describe(
        "Of a client's certificate, names of which it must have one: DNS names, *.SUFFIX for those below it, URIs, URI/* for those below it. Default: any.",
      ),
  })
  .superRefine(({ clientCa, clientSans }, context) => {
    if (clientCa === undefined && clientSans.length > 0) {
      context.addIssue({
        code: 'custom',
        path: ['clientSans'],
        message: 'no certificate is asked for without clientCa',
      });
    }
  });

const limits = z.strictObject({
  connections: z
    .int()
    .min(1)
    .max(200_000)
    .optional()
    .describe('Connections at a time. Default: twice the streams that are served at a time.'),
  streamsPerConnection: z
    .int()
    .min(1)
    .max(10_000)
    .default(defaultLimits.streamsPerConnection)
    .describe(`Streams of one connection at a time. Default ${defaultLimits.streamsPerConnection}.`),
  requestBytes: z
    .int()
    .min(1024)
    .max(64 * 1024 * 1024)
    .default(defaultLimits.requestBytes)
    .describe(`Bytes of one message from a client. Default ${defaultLimits.requestBytes}.`),
  resets: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(defaultLimits.resets)
    .describe(
      `Streams that one connection may open and end within resetWindowMs before it is dropped. Default ${defaultLimits.resets}.`,
    ),
  resetWindowMs: milliseconds(100, 3_600_000)
    .default(defaultLimits.resetWindowMs)
    .describe(`Milliseconds over which resets are counted. Default ${defaultLimits.resetWindowMs}.`),
});

/** Keys of a sink that serves gRPC: how its port is secured. With them goes {@link refusePlaintext}. */
export const portFields = {
  tls: tls.optional().describe('TLS 1.2 or newer. Default: plain text, on loopback alone.'),
  plaintext: z
    .boolean()
    .default(false)
    .describe('Plain text on an address that others can reach, where the network itself is trusted. Default false.'),
  limits: limits.prefault({}).describe('What clients may do; whoever does more is refused, and the others go on.'),
};

export type PortTls = z.output<typeof tls>;
export type PortLimitsConfig = z.output<typeof limits>;

/** Refuses plain text where others can hear it, unless it is wanted: for the `superRefine` of a sink's schema. */
export function refusePlaintext(
  config: { readonly listen: HostPort; readonly tls?: PortTls | undefined; readonly plaintext: boolean },
  context: z.RefinementCtx,
): void {
  const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (config.tls && config.plaintext) refuse('plaintext', 'either tls or plaintext: true');
  if (config.tls || config.plaintext || isLoopback(config.listen.host)) return;
  refuse(
    'listen',
    `${formatHostPort(config.listen)} is not loopback, and plain text could be read and changed on its way: ` +
      'give tls (cert and key), or plaintext: true where the network itself is trusted',
  );
}

/** Whether an address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}
