import { createHash } from 'node:crypto';
import { z } from 'zod';
import { checkAddress } from '../../core/model/address.js';
import { portNumber, protocols } from '../../core/plugin/index.js';
import { eurekaInfoSchema } from './eureka/info.js';
import type { RegisteredInstance, RegisteredService } from './model.js';
import type { ServiceHead } from './registry-size.js';

const format = 'isthmus-registry';
/** What is written; 1 had no expired instances and none of Eureka's, and is read too. */
const version = 2;

/** A file that is no registry, or not as it was written. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

const headerSchema = z.strictObject({ format: z.literal(format), version: z.int(), services: z.int().min(0) });
const footerSchema = z.strictObject({ sha256: z.string() });
const texts = z.record(z.string(), z.string());
const serviceSchema = z.strictObject({
  name: z.string().min(1),
  declared: z.boolean(),
  ports: z.array(z.strictObject({ name: z.string(), number: portNumber(), protocol: z.enum(protocols) })),
  metadata: texts,
  instances: z.array(
    z.strictObject({
      id: z.string().min(1),
      address: z.string().refine((text) => checkAddress(text).ok),
      ports: z.record(z.string(), portNumber()),
      weight: z.int().min(0),
      health: z.enum(['healthy', 'unhealthy', 'draining', 'unknown']),
      locality: z.strictObject({ region: z.string(), zone: z.string(), subzone: z.string() }).optional(),
      network: z.string().optional(),
      metadata: texts,
      ttlSeconds: z.number().positive().optional(),
      expired: z.literal(true).optional(),
      eureka: eurekaInfoSchema.optional(),
    }),
  ),
});

/** What stands in the file of an instance whose lease has run out. */
const expiredBytes = ',"expired":true'.length;

/** Encodes services for the file, each once: services never change, they are replaced. */
export class ServiceEncoder {
  readonly #lines = new WeakMap<RegisteredService, Buffer>();
  readonly #bytes = new WeakMap<RegisteredInstance, number>();

  /** Length of {@link line} without what is of the instances. */
  headBytes({ name, declared, ports, metadata }: ServiceHead): number {
    return Buffer.byteLength(JSON.stringify({ name, declared, ports, metadata, instances: [] })) + 1;
  }

  /**
   * What an instance adds to {@link line} at most. That its lease runs out makes it no longer: a registry that is full
   * would outgrow its limit by it, and could not be read again.
   */
  instanceBytes(instance: RegisteredInstance): number {
    const known = this.#bytes.get(instance);
    if (known !== undefined) return known;
    const bytes = Buffer.byteLength(JSON.stringify(instance)) + 1 + (instance.expired ? 0 : expiredBytes);
    this.#bytes.set(instance, bytes);
    return bytes;
  }

  /** One line of JSON. */
  line(service: RegisteredService): Buffer {
    const known = this.#lines.get(service);
    if (known) return known;
    const stored = { ...service, instances: [...service.instances.values()] };
    const line = Buffer.from(`${JSON.stringify(stored)}\n`);
    this.#lines.set(service, line);
    return line;
  }
}

/** The whole file: a header, a line for each service, and the checksum of all before it. */
export function encodeFile(lines: readonly Buffer[]): Buffer[] {
  const header = Buffer.from(`${JSON.stringify({ format, version, services: lines.length })}\n`);
  const parts = [header, ...lines];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return [...parts, Buffer.from(`${JSON.stringify({ sha256: hash.digest('hex') })}\n`)];
}

/** @throws FileError when the file is not whole, not as written, or no registry; Error when a later version has written it */
export function decodeFile(bytes: Buffer): RegisteredService[] {
  const footerAt = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
  if (bytes.at(-1) !== 0x0a || footerAt === 0) throw new FileError('the file is cut off');
  const footer = parse(footerSchema, bytes.toString('utf8', footerAt));
  const body = bytes.subarray(0, footerAt);
  if (createHash('sha256').update(body).digest('hex') !== footer.sha256) {
    throw new FileError('the checksum is wrong: the file is not as it was written');
  }
  const [first = '', ...lines] = body.toString('utf8').trimEnd().split('\n');
  const header = parse(headerSchema, first);
  if (header.version < 1) throw new FileError(`the file has version ${header.version}`);
  if (header.version > version) {
    // Whole, and of use to the Isthmus that wrote it: to begin empty would take all of it out of the mesh.
    throw new Error(
      `the registry file is of a later Isthmus: it has version ${header.version}, and 1 to ${version} can be read`,
    );
  }
  if (header.services !== lines.length) throw new FileError('the file has not as many services as it says');
  return lines.map((line) => {
    const { instances, ...service } = parse(serviceSchema, line);
    return { ...service, instances: new Map(instances.map((instance) => [instance.id, defined(instance)])) };
  });
}

function parse<T extends z.ZodType>(schema: T, line: string): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new FileError('a line is no JSON');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new FileError('a line is not of a registry');
  return result.data;
}

/** zod's optional keys may be there and undefined; ours are absent. */
function defined<T extends object>(record: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}
