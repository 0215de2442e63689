import { z } from 'zod';
import { hostPort, milliseconds } from '../../core/plugin/index.js';
import { portFields, refusePlaintext } from '../grpc/port-schema.js';
import { serviceFields } from '../istio/settings-schema.js';
import { sidecarFields } from '../istio/sidecar-schema.js';
import { maxShards, shardPort } from './shards.js';

/** Keys of a sink of kind `mcp`. */
export const mcpSchema = z
  .strictObject({
    listen: hostPort(0)
      .prefault('127.0.0.1:15010')
      .describe('HOST:PORT istiod connects to. Default 127.0.0.1:15010. Port 0: the system chooses one.'),
    shards: z
      .int()
      .min(1)
      .max(maxShards)
      .default(1)
      .describe(
        `Config sources that the services are spread over, 1 to ${maxShards}. Default 1. See isthmus istio mesh-config.`,
      ),
    shardBy: z
      .enum(['authority', 'port'])
      .default('authority')
      .describe(
        'How istiod tells shards apart. authority: by the name it dials, as shard-3-of-16.isthmus, on one port. port: each has a port of its own too, listen + 100 × shards + its number. Default authority.',
      ),
    alsoShards: z
      .array(z.int().min(1).max(maxShards))
      .max(3)
      .default([])
      .describe(
        'Other numbers of shards whose ports are open too, for istiods that still have an older list. Default: none.',
      ),
    ...portFields,
    ...serviceFields,
    sidecars: sidecarFields
      .optional()
      .describe('Sidecar resources that show each application only what it declares to consume. Default: none.'),
    ackTimeoutMs: milliseconds(1000)
      .default(60_000)
      .describe('Milliseconds a response may stay unanswered before its stream is ended. Default 60000.'),
    maxClients: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe('Clients served at a time; each opens a stream a shard. Default 100.'),
    keepaliveMs: milliseconds(1000)
      .default(30_000)
      .describe('Milliseconds of silence after which a peer is asked whether it lives. Default 30000.'),
  })
  .superRefine(refusePlaintext)
  .superRefine(({ listen, shards, shardBy, alsoShards }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (shardBy === 'authority') {
      if (alsoShards.length > 0) refuse('alsoShards', 'only with shardBy: port; by authority every number is served');
      return;
    }
    if (listen.port === 0) refuse('listen', 'shardBy: port needs a port to count from');
    const most = Math.max(shards, ...alsoShards);
    if (shardPort(listen.port, { index: most - 1, count: most }) > 65_535) {
      refuse(
        'listen',
        `with shardBy: port and ${most} shards the port may be ${65_535 - shardPort(0, { index: most - 1, count: most })} at most`,
      );
    }
  });

export type McpConfig = z.output<typeof mcpSchema>;
