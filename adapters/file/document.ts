import { z } from 'zod';
import { portNumber, protocols } from '../../core/plugin/index.js';

const maxNameLength = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]/;

function name() {
  return z
    .string()
    .min(1)
    .max(maxNameLength)
    .refine((text) => !controls.test(text), { error: 'control characters are not allowed' });
}

function metadata() {
  return z.record(z.string(), z.string({ error: 'expected text; put numbers and truth values into quotes' }));
}

const portSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, { error: 'expected a DNS label, as http' }),
  number: portNumber(),
  protocol: z.enum(protocols).default('http'),
});

/** A service of a document; its instances are looked at one by one, so that a bad one is left out alone. */
const serviceSchema = z.strictObject({
  name: name(),
  ports: z
    .array(portSchema)
    .min(1)
    .max(64)
    .default([{ name: 'http', number: 80, protocol: 'http' }])
    .refine((ports) => new Set(ports.map((port) => port.name)).size === ports.length, {
      error: 'two ports have the same name',
    })
    .refine((ports) => new Set(ports.map((port) => port.number)).size === ports.length, {
      error: 'two ports have the same number',
    }),
  metadata: metadata().default({}),
  instances: z.array(z.unknown()).default([]),
});

export const documentSchema = z.strictObject({
  /** For editors that look a schema up. */
  $schema: z.string().optional(),
  services: z.array(serviceSchema),
});

export const instanceSchema = z.strictObject({
  id: name().optional(),
  address: z.string(),
  port: portNumber().optional(),
  ports: z.record(z.string(), portNumber()).optional(),
  weight: z.int().min(0).max(1_000_000).default(100),
  health: z.enum(['healthy', 'unhealthy', 'draining', 'unknown']).default('unknown'),
  locality: z
    .strictObject({
      region: localityPart(),
      zone: localityPart(),
      subzone: localityPart(),
    })
    .optional(),
  network: name().optional(),
  metadata: metadata().default({}),
});

function localityPart() {
  return z
    .string()
    .regex(/^[^/]*$/, { error: 'a slash is not allowed' })
    .default('');
}

export type ServiceEntry = z.output<typeof serviceSchema>;
export type InstanceEntry = z.output<typeof instanceSchema>;
