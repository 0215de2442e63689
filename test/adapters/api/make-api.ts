import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import type { z } from 'zod';
import { apiSchema } from '../../../adapters/api/config.js';
import { ApiSource } from '../../../adapters/api/source.js';
import { type Clock, systemClock } from '../../../core/plugin/index.js';
import { SourceRun } from '../../../testkit/index.js';
import { RestClient } from './rest-client.js';

export interface Api {
  readonly client: RestClient;
  readonly source: ApiSource;
}

/** The path below which the registry of {@link makeApi} is. */
export const root = '/api/v1/registry/local/services';

export function makeApi(
  dataDir: string,
  config: z.input<typeof apiSchema> = {},
  clock: Clock = systemClock,
  logger: Logger = pino({ level: 'silent' }),
): Api {
  const client = new RestClient();
  const source = new ApiSource(apiSchema.parse(config), { name: 'local', logger, clock, dataDir, http: client });
  return { client, source };
}

/** Runs the source and resolves when it has published what it found. */
export async function startApi(api: Api): Promise<SourceRun> {
  const run = new SourceRun(api.source);
  await run.recorder.waitFor(({ synced }) => synced, { what: 'the first listing' });
  return run;
}

/** A folder for one test, and how to remove it. */
export async function makeDataDir(): Promise<{ dir: string; remove: () => Promise<void> }> {
  const parent = await mkdtemp(join(tmpdir(), 'isthmus-api-'));
  return { dir: join(parent, 'local'), remove: () => rm(parent, { recursive: true, force: true }) };
}
