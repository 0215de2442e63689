import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type InstanceResource,
  type ServiceResource,
  type SourceList,
  toInstanceResources,
} from '../../../core/api/resources.js';
import type { SourceStatus } from '../../../core/source/status.js';
import { pickPorts } from '../../servers/ports.js';
import { type ServerHandle, type StartOptions, startServer } from '../../servers/process.js';
import { http } from '../../support/http.js';
import { builtCommand, isthmusCommand } from '../../support/isthmus-command.js';
import { poll } from '../../support/poll.js';

export interface IsthmusOptions extends StartOptions {
  /** As in the configuration file. */
  readonly sources: readonly Readonly<Record<string, unknown>>[];
  readonly naming?: readonly Readonly<Record<string, unknown>>[];
  readonly merge?: Readonly<Record<string, unknown>>;
  /** Sinks beside the MCP sink. */
  readonly sinks?: readonly Readonly<Record<string, unknown>>[];
  /** Keys of the MCP sink, over ours. */
  readonly mcp?: Readonly<Record<string, unknown>>;
  /** As in the configuration file; its defaults when absent. */
  readonly guards?: Readonly<Record<string, unknown>>;
  /** Runs `dist`, as `npm run build` left it. Default: as {@link isthmusCommand} says. */
  readonly isBuilt?: boolean;
  /** URL of a module that Node loads before the daemon. It finds the daemon's folder in ISTHMUS_TEST_DIR. */
  readonly preload?: string;
}

/** A running daemon: a process of its own, as operators run it. */
export interface Isthmus extends ServerHandle {
  /** `http://127.0.0.1:port` of the API. */
  readonly url: string;
  /** `xds://127.0.0.1:port`, for istiod's config sources. */
  readonly configSource: string;
  /** Answer of `GET /api/v1/sources`, parsed. */
  sources(signal?: AbortSignal): Promise<readonly SourceStatus[]>;
  /** What the catalog knows of a host, the unhealthy included. */
  instances(host: string): Promise<readonly InstanceResource[]>;
  /** Waits until a source is in a state, as `fresh` or `degraded`. */
  sourceIs(name: string, state: string): Promise<void>;
}

/** What the tests take away, they mean to: however many it is within a minute, it is held for a moment only. */
const plannedLosses = { massLoss: { maxHoldMs: 1000 }, empty: { maxHoldMs: 1000 } };

/** Starts `isthmus run` with a configuration file; ready when its API answers, whether or not the registries do. */
export async function startIsthmus(options: IsthmusOptions): Promise<Isthmus> {
  const [apiPort, mcpPort] = (await pickPorts(2)) as [number, number];
  const url = `http://127.0.0.1:${apiPort}`;
  const [command, ...args] = options.isBuilt ? builtCommand : isthmusCommand;
  const server = await startServer(
    {
      name: 'isthmus',
      readyTimeoutMs: 60_000,
      command(dir) {
        const file = join(dir, 'isthmus.yaml');
        const { sources, sinks = [], naming = [], merge = {}, mcp = {}, guards = plannedLosses, preload } = options;
        const config = {
          site: 'test',
          api: { listen: `127.0.0.1:${apiPort}` },
          data: join(dir, 'data'),
          // What the tests run listens on loopback.
          sources: sources.map((source) => ({ addresses: { loopback: true }, ...source })),
          ...{ naming, merge, guards },
          sinks: [{ kind: 'mcp', listen: `127.0.0.1:${mcpPort}`, ...mcp }, ...sinks],
        };
        writeFileSync(file, JSON.stringify(config, undefined, 2));
        const before = preload === undefined ? [] : ['--import', preload];
        return { command, args: [...before, ...args, 'run', '--config', file], env: { ISTHMUS_TEST_DIR: dir } };
      },
      ready: async (signal) => (await http(`${url}/healthz`, { signal })).status === 200,
    },
    options,
  );
  const get = async (path: string, signal?: AbortSignal): Promise<unknown> => {
    const { status, body } = await http(`${url}/api/v1/${path}`, signal ? { signal } : {});
    if (status !== 200) throw new Error(`GET /api/v1/${path}: ${status} ${body}`);
    return JSON.parse(body);
  };
  const sources = async (signal?: AbortSignal) => ((await get('sources', signal)) as SourceList).items;
  const instances = async (host: string) => [
    ...toInstanceResources((await get(`services/${host}`)) as ServiceResource),
  ];
  const sourceIs = async (name: string, state: string) => {
    let seen: unknown;
    const look = async (signal: AbortSignal) => {
      seen = (await sources(signal)).find((source) => source.name === name)?.status;
      return (seen as SourceStatus['status'] | undefined)?.state === state;
    };
    await poll(look, { timeoutMs: 60_000, what: `${name} to be ${state}` }).catch((error: Error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(seen)}`, { cause: error });
    });
  };
  return Object.assign(server, { url, configSource: `xds://127.0.0.1:${mcpPort}`, sources, instances, sourceIs });
}
