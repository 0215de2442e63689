import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { defaultConfigText } from '../../../cli/default-config.js';
import { plugins } from '../../../cli/wire.js';
import { configJsonSchema, type JsonSchema } from '../../../core/config/config-schema.js';
import { parseConfigText } from '../../../core/config/load-config.js';

const schema = configJsonSchema(plugins);
const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(schema);
const examples = new URL('../../../examples/', import.meta.url);

/** Every environment variable and every file there is holds `x`. */
const anywhere = {
  env: new Proxy({}, { get: () => 'x', getOwnPropertyDescriptor: () => ({ configurable: true, value: 'x' }) }),
  readFile: () => 'x\n',
};

function keysOf(part: JsonSchema, prefix = ''): string[] {
  const properties = (part['properties'] ?? {}) as Record<string, JsonSchema>;
  return Object.entries(properties).flatMap(([key, value]) => [
    `${prefix}${key}`,
    ...keysOf(value, `${prefix}${key}.`),
    ...(value['items'] ? keysOf(value['items'] as JsonSchema, `${prefix}${key}[].`) : []),
    ...((value['anyOf'] ?? []) as JsonSchema[]).flatMap((branch) => keysOf(branch, `${prefix}${key}.`)),
  ]);
}

function kindsOf(section: 'sources' | 'sinks'): JsonSchema[] {
  const list = (schema['properties'] as Record<string, { items: { oneOf: JsonSchema[] } }>)[section];
  return list?.items.oneOf ?? [];
}

describe('the JSON Schema of the configuration', () => {
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));

  it('has examples to be tried on', () => {
    assert.ok(files.includes('isthmus.yaml'));
  });

  for (const name of files) {
    const text = readFileSync(new URL(name, examples), 'utf8');
    it(`holds for examples/${name}, and the loader takes it`, () => {
      assert.ok(validate(parseYaml(text)), JSON.stringify(validate.errors, undefined, 1));
      const config = parseConfigText(text, name, plugins, anywhere);
      assert.ok(config.sources.length > 0 && config.sinks.length > 0);
    });

    it(`does not hold for examples/${name} with a typing error`, () => {
      const value = parseYaml(text) as { sources: Record<string, unknown>[] };
      const [first] = value.sources;
      assert.ok(first);
      first['naem'] = 'x';
      assert.ok(!validate(value));
    });
  }

  it('holds for the built-in configuration, which listens on this machine alone', () => {
    assert.ok(validate(parseYaml(defaultConfigText)), JSON.stringify(validate.errors));
    const config = parseConfigText(defaultConfigText, 'built-in', plugins, { env: {} });
    assert.equal(config.api.listen.host, '127.0.0.1');
    assert.deepEqual(
      config.sources.map(({ name, kind }) => `${name} ${kind}`),
      ['api api'],
    );
    const [mcp] = config.sinks;
    assert.deepEqual(mcp?.config['listen'], { host: '127.0.0.1', port: 15_010 });
  });

  for (const [what, value] of [
    ['no site', { sources: [{ name: 'a', kind: 'api' }] }],
    ['no source', { site: 'a', sources: [] }],
    ['an unknown kind', { site: 'a', sources: [{ name: 'a', kind: 'etcd' }] }],
    ['an unknown key', { site: 'a', sources: [{ name: 'a', kind: 'api' }], gards: {} }],
    ['a key of another kind', { site: 'a', sources: [{ name: 'a', kind: 'api', datacenters: ['b'] }] }],
    ['a wrong type', { site: 'a', sources: [{ name: 'a', kind: 'api', graceMs: '5s' }] }],
    [
      'a guard that is neither off nor a rule',
      { site: 'a', sources: [{ name: 'a', kind: 'api' }], guards: { empty: true } },
    ],
  ] as const) {
    it(`does not hold for ${what}, nor does the loader take it`, () => {
      assert.ok(!validate(value));
      assert.throws(() => parseConfigText(JSON.stringify(value), 'x', plugins, { env: {} }));
    });
  }

  it('describes every key', () => {
    const undescribed = (part: JsonSchema): string[] =>
      Object.entries((part['properties'] ?? {}) as Record<string, JsonSchema>).flatMap(([key, value]) => [
        ...(value['description'] === undefined ? [key] : []),
        ...undescribed(value),
      ]);
    for (const part of [schema, ...kindsOf('sources'), ...kindsOf('sinks')]) assert.deepEqual(undescribed(part), []);
  });

  it('has every key in docs/configuration.md', () => {
    const text = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const sectionsOf = (part: string) =>
      new Map(part.split(/^#+ /m).map((section) => [section.split('\n', 1)[0] ?? '', section]));
    const [upToSources = '', sinks = ''] = text.split(/^## Sinks$/m);
    // A kind may be of both.
    const sections = { sources: sectionsOf(upToSources), sinks: sectionsOf(sinks) };
    for (const kind of [...kindsOf('sources'), ...kindsOf('sinks')]) {
      const of = kindsOf('sources').includes(kind) ? 'sources' : 'sinks';
      const section = sections[of].get(`\`${String(kind['title'])}\``) ?? '';
      const common = ['name', 'kind', 'required', 'graceMs', 'staleAfterMs', 'addresses', 'guards'];
      const own = keysOf(kind).filter(
        (key) => !(of === 'sources' ? common : ['name', 'kind']).includes(key.split('.', 1)[0] ?? ''),
      );
      assert.deepEqual(
        own.filter((key) => !section.includes(`| \`${key}\` |`)),
        [],
        `kind ${String(kind['title'])}`,
      );
    }
    const missing = keysOf(schema).filter((key) => !/^(sources|sinks)/.test(key) && !text.includes(`| \`${key}\` |`));
    assert.deepEqual(missing, []);
  });
});

describe('a plug-in', () => {
  const of = (kind: string, shape: z.ZodRawShape) => ({
    sources: [{ kind, schema: z.strictObject(shape) }],
    sinks: [],
  });
  const text = 'site: a\nsources: [{ name: a, kind: b }]\n';

  it('may not take a key that all kinds have, nor a kind that is taken', () => {
    assert.throws(
      () => parseConfigText(text, 'x', of('b', { graceMs: z.string() }), { env: {} }),
      /may not define the key graceMs/,
    );
    const twice = { sources: [...of('b', {}).sources, ...of('b', {}).sources], sinks: [] };
    assert.throws(() => parseConfigText(text, 'x', twice, { env: {} }), /two plug-ins of kind b/);
  });

  it('has its unknown keys refused even when its schema would let them pass, and keeps its own checks', () => {
    const schemaOfB = z
      .object({ c: z.int().optional() })
      .refine(({ c }) => c !== 3, { error: 'not three', path: ['c'] });
    const plugin = { sources: [{ kind: 'b', schema: schemaOfB }], sinks: [] };
    const run = (extra: string) =>
      parseConfigText(`site: a\nsources: [{ name: a, kind: b, ${extra} }]\n`, 'x', plugin, { env: {} });
    assert.deepEqual(run('c: 4').sources[0]?.config, { c: 4 });
    assert.throws(() => run('d: 1'), /x:2:31: sources\[0\]\.d: unknown key/);
    assert.throws(() => run('c: 3'), /x:2:34: sources\[0\]\.c: not three/);
  });
});
