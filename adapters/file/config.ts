import { z } from 'zod';
import { milliseconds } from '../../core/plugin/index.js';

const megabyte = 1024 * 1024;

export const fileSchema = z
  .strictObject({
    path: z.string().min(1).optional().describe('The file: YAML, or JSON when its name ends with .json.'),
    paths: z
      .array(z.string().min(1))
      .min(1)
      .max(256)
      .optional()
      .describe('Several files that make up one source; give either path or paths.'),
    maxBytes: z
      .int()
      .min(1)
      .max(256 * megabyte)
      .default(16 * megabyte)
      .describe('Largest file that is read, in bytes. Default 16777216 (16 MiB).'),
    settleMs: milliseconds(0, 60_000)
      .default(100)
      .describe(
        'How long a file must rest before it is read, in ms, so that none is read while it is written. Default 100.',
      ),
    recheckMs: milliseconds(100)
      .default(10_000)
      .describe(
        'How often to look without being told of a change, in ms, for file systems that tell nothing. Default 10000.',
      ),
  })
  .superRefine((config, context) => {
    if ((config.path === undefined) !== (config.paths === undefined)) return;
    context.addIssue({ code: 'custom', path: ['path'], message: 'give one of path and paths' });
  });

export type FileConfig = z.output<typeof fileSchema>;

/** The files of a source in the order given, each once. */
export function pathsOf({ path, paths }: FileConfig): readonly string[] {
  return [...new Set([...(path === undefined ? [] : [path]), ...(paths ?? [])])];
}
