import { z } from 'zod';
import { hostPort, httpUrl, milliseconds } from '../../../core/config/fields.js';
import type { ConfigPlugins } from '../../../core/config/kinds.js';
import { type LoadOptions, parseConfigText } from '../../../core/config/load-config.js';
import { secret } from '../../../core/config/secret.js';

/** Kinds with the forms of keys that real ones have: lists, nested mappings, unions, secrets, own messages. */
export const plugins: ConfigPlugins = {
  sources: [
    {
      kind: 'zookeeper',
      schema: z.strictObject({
        servers: z.array(hostPort()).min(1),
        dubbo: z.strictObject({ root: z.string().default('/dubbo') }).prefault({}),
        auth: z.union([z.string(), z.strictObject({ user: z.string(), password: secret() })]).optional(),
      }),
    },
    {
      kind: 'nacos',
      defaultHost: '{name}.mesh',
      schema: z.strictObject({
        servers: z.array(httpUrl()).min(1),
        namespaces: z.array(z.string()).default(['public']),
        mode: z.enum(['push', 'poll']).default('push'),
        intervalMs: milliseconds(100).default(1000),
        username: z.string().optional(),
        password: secret().optional(),
        quoting: z
          .string()
          .refine((value) => value.startsWith('q'), { error: (issue) => `"${String(issue.input)}" has no q` })
          .optional(),
      }),
    },
  ],
  sinks: [{ kind: 'mcp', schema: z.strictObject({ listen: hostPort(), shards: z.int().min(1).max(64).default(1) }) }],
};

/** Everything from memory; there are no files but those given. */
export function parse(text: string, env: LoadOptions['env'] = {}, files: Readonly<Record<string, string>> = {}) {
  const readFile = (path: string) => {
    const found = files[path];
    if (found === undefined) throw Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
    return found;
  };
  return parseConfigText(text, '/etc/isthmus/isthmus.yaml', plugins, { env, readFile });
}
