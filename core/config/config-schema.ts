import { z } from 'zod';
import { sinkBase, sourceBase, topSchema } from './base-schema.js';
import type { ConfigPlugins, KindSchema } from './kinds.js';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The JSON Schema of the configuration file, with the keys of every kind; what `isthmus config schema` prints. */
export function configJsonSchema(plugins: ConfigPlugins): JsonSchema {
  const top = toJsonSchema(topSchema);
  const properties = top['properties'] as Record<string, JsonSchema>;
  return {
    ...top,
    title: 'Isthmus configuration',
    properties: {
      ...properties,
      sources: { ...properties['sources'], items: byKind(plugins.sources, sourceBase) },
      sinks: { ...properties['sinks'], items: byKind(plugins.sinks, sinkBase) },
    },
  };
}

function byKind(kinds: readonly KindSchema[], base: z.ZodObject): JsonSchema {
  return { type: 'object', oneOf: kinds.map(({ kind, schema }) => ofKind(kind, toJsonSchema(schema), base)) };
}

function ofKind(kind: string, own: JsonSchema, base: z.ZodObject): JsonSchema {
  const { $schema: _, ...common } = toJsonSchema(base);
  const { $schema: __, ...rest } = own;
  const required = [...((common['required'] as string[]) ?? []), ...((rest['required'] as string[] | undefined) ?? [])];
  return {
    ...rest,
    title: kind,
    properties: {
      ...(common['properties'] as object),
      kind: { const: kind, description: `The kind ${kind}.` },
      ...(rest['properties'] as object),
    },
    required,
    additionalProperties: false,
  };
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  // Input: what a person writes, before defaults and transforms. `reused: 'inline'`: no references into another object.
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any', reused: 'inline' });
}
