import { z } from 'zod';
import { hostPort, milliseconds } from '../../core/plugin/index.js';
import { isLoopback, portFields, refusePlaintext } from '../grpc/port-schema.js';
import { gatewaySchema, hostFilter } from './gateway-config.js';
import { upstreamSchema } from './upstream-config.js';

const grpc = z.strictObject({
  services: hostFilter.prefault({}).describe('Services that such clients can dial. Default: all with a gRPC port.'),
  upstream: upstreamSchema
    .omit({ outlierDetection: true, loadBalancing: true, idleTimeoutMs: true })
    .prefault({})
    .describe('How clients connect to instances.'),
});

/** Keys of a sink of kind `xds`. */
export const xdsSchema = z
  .strictObject({
    ...portFields,
    listen: hostPort(0)
      .prefault('127.0.0.1:15020')
      .describe('HOST:PORT that clients connect to. Default 127.0.0.1:15020. Port 0: the system chooses one.'),
    gateways: z
      .array(gatewaySchema)
      .max(100)
      .superRefine((gateways, context) => {
        const names = new Set<string>();
        for (const [index, { name }] of gateways.entries()) {
          if (names.has(name)) {
            const message = 'another gateway has this name; give each its own';
            context.addIssue({ code: 'custom', path: [index, 'name'], message });
          }
          names.add(name);
        }
      })
      .default([])
      .describe('Envoys at the edge, and what they expose. Default: none.'),
    grpc: z
      .union([grpc, z.literal(false)])
      .prefault({})
      .describe('gRPC clients that read xDS themselves and dial xds:///HOST; false: none. Default: all services.'),
    ackTimeoutMs: milliseconds(1000)
      .default(60_000)
      .describe('Milliseconds a response may stay unanswered before its stream is ended. Default 60000.'),
    maxClients: z.int().min(1).max(100_000).default(1000).describe('Streams served at a time. Default 1000.'),
    maxSubscriptions: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(50_000)
      .describe('Names that one stream may ask for, over all types. Default 50000.'),
    keepaliveMs: milliseconds(1000)
      .default(30_000)
      .describe('Milliseconds of silence after which a client is asked whether it lives. Default 30000.'),
  })
  .superRefine(refusePlaintext)
  .superRefine(({ listen, tls, gateways }, context) => {
    // Whoever may connect may call itself a gateway.
    if (isLoopback(listen.host) || tls?.clientCa !== undefined) return;
    for (const [index, { listeners }] of gateways.entries()) {
      for (const [place, listener] of listeners.entries()) {
        if (!('tls' in listener) || listener.tls?.from !== 'isthmus') continue;
        context.addIssue({
          code: 'custom',
          path: ['gateways', index, 'listeners', place, 'tls', 'from'],
          message: 'keys would be sent to whoever connects: give tls.clientCa of the sink, or take from: gateway',
        });
      }
    }
  });

export type XdsConfig = z.output<typeof xdsSchema>;
