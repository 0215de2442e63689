import { z } from 'zod';
import { checkAddress } from '../../core/model/address.js';
import {
  HttpProblem,
  isProtocol,
  metadataLimits,
  type Protocol,
  portNumber,
  protocols,
} from '../../core/plugin/index.js';
import { isWellFormed } from './well-formed.js';

const maxMetadataEntries = 64;
const maxPorts = 32;
/** Things that are wrong are told with a caller's own keys, which may be long and many. */
const maxProblems = 20;
const maxProblemLength = 300;
const dnsLabel = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'expected a DNS label, as http or http-admin');
const protocol = z.enum(protocols);
const placePattern = /^[^\p{Cc}\p{Cf}\p{Cs}]*$/u;
const maxPlaceLength = 253;
const placeName = z.string().max(maxPlaceLength).regex(placePattern, 'it has control characters');

/** No control characters: the name of a place stands in logs and labels. */
export function isPlaceName(text: string): boolean {
  return text.length <= maxPlaceLength && placePattern.test(text);
}

const wellFormed = () => z.string().refine(isWellFormed, 'it is no valid Unicode');

const metadata = z
  .record(wellFormed().min(1).max(metadataLimits.keyLength), wellFormed().max(metadataLimits.valueLength))
  .refine(
    (entries) => Object.keys(entries).length <= maxMetadataEntries,
    `expected ${maxMetadataEntries} entries at most`,
  );

const address = z.string().transform((text, context): string => {
  const check = checkAddress(text);
  if (check.ok) return check.address;
  context.addIssue({ code: 'custom', message: check.reason });
  return z.NEVER;
});

function instanceSchema(maxTtlSeconds: number) {
  return z
    .strictObject({
      address,
      port: portNumber().optional(),
      ports: z.record(dnsLabel, portNumber()).optional(),
      protocol: protocol.optional(),
      weight: z.int().min(0).max(1_000_000).default(100),
      health: z.enum(['healthy', 'unhealthy', 'draining', 'unknown']).default('healthy'),
      locality: z
        .strictObject({ region: placeName.min(1), zone: placeName.default(''), subzone: placeName.default('') })
        .optional(),
      network: placeName.min(1).optional(),
      metadata: metadata.default({}),
      ttlSeconds: z.number().min(1).max(maxTtlSeconds).optional(),
    })
    .superRefine(({ port, ports, protocol }, context) => {
      const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
      if ((port === undefined) === (ports === undefined)) issue('port', 'give either port or ports');
      if (ports && protocol) issue('protocol', 'it goes with port; ports are named after their protocols');
      const count = ports ? Object.keys(ports).length : 1;
      if (count === 0 || count > maxPorts) issue('ports', `expected from 1 to ${maxPorts} ports`);
    });
}

const serviceSchema = z
  .strictObject({
    ports: z
      .array(z.strictObject({ name: dnsLabel, number: portNumber(), protocol: protocol.optional() }))
      .min(1)
      .max(maxPorts),
    metadata: metadata.default({}),
  })
  .superRefine(({ ports }, context) => {
    for (const key of ['name', 'number'] as const) {
      const values = ports.map((port) => port[key]);
      const twice = values.findIndex((value, index) => values.indexOf(value) < index);
      if (twice >= 0) {
        context.addIssue({ code: 'custom', path: ['ports', twice, key], message: `another port has this ${key}` });
      }
    }
    ports.forEach((port, index) => {
      if (port.protocol !== undefined || isProtocol(port.name)) return;
      const message = 'say which; only a port that is named after a protocol goes without';
      context.addIssue({ code: 'custom', path: ['ports', index, 'protocol'], message });
    });
  });

export type InstanceRequest = Omit<z.output<ReturnType<typeof instanceSchema>>, 'port' | 'ports' | 'protocol'> & {
  readonly ports: Readonly<Record<string, number>>;
};
export type ServiceRequest = {
  readonly ports: readonly { readonly name: string; readonly number: number; readonly protocol: Protocol }[];
  readonly metadata: Readonly<Record<string, string>>;
};

/** Reads what callers send. Everything that is wrong is told at once. */
export class RequestParser {
  readonly #instance: ReturnType<typeof instanceSchema>;

  constructor(maxTtlSeconds: number) {
    this.#instance = instanceSchema(maxTtlSeconds);
  }

  /** The body of PUT for an instance. @throws HttpProblem 400 */
  instance(body: unknown): InstanceRequest {
    const { port, ports, protocol, ...rest } = parse(this.#instance, body);
    return { ...rest, ports: ports ?? { [protocol ?? 'http']: port ?? 0 } };
  }

  /** @throws HttpProblem 400 */
  parse<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
    return parse(schema, body);
  }

  /** The body of PUT for a service. @throws HttpProblem 400 */
  service(body: unknown): ServiceRequest {
    const { ports, metadata } = parse(serviceSchema, body);
    return {
      ports: ports.map(({ name, number, protocol }) => ({ name, number, protocol: protocol ?? (name as Protocol) })),
      metadata,
    };
  }
}

const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._:@~+-]{0,251}[A-Za-z0-9])?$/;

/** The name of a service or the id of an instance, from the path. @throws HttpProblem 400 */
export function pathName(what: string, value: string | undefined): string {
  if (value !== undefined && namePattern.test(value)) return value;
  throw badRequest(
    `${what}: expected 1 to 253 letters, digits and . _ : @ ~ + -, the first and last a letter or digit`,
  );
}

function parse<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const { issues } = result.error;
  const problems = issues.slice(0, maxProblems).map(({ path, message }) => {
    return path.length === 0 ? message : `${path.map(String).join('.').slice(0, maxProblemLength)}: ${message}`;
  });
  if (issues.length > maxProblems) problems.push(`and ${issues.length - maxProblems} more`);
  throw badRequest(problems.map((problem) => problem.slice(0, maxProblemLength)).join('; '));
}

function badRequest(detail: string): HttpProblem {
  return new HttpProblem(400, 'Bad Request', detail);
}
