import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { http } from '../support/http.js';
import { artefactDir, serversDir } from './build/cache-dir.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface GrpcClientOptions extends StartOptions {
  readonly language: 'go' | 'js';
  /** `127.0.0.1:port` of the ADS that it reads. */
  readonly ads: string;
  /** Default: by its language. */
  readonly node?: string;
}

export interface GrpcClient extends ServerHandle {
  /** Calls `isthmus.test.Greeter/Greet` at a target, as `xds:///HOST`. Rejects with the client's error. */
  greet(target: string, who: string): Promise<string>;
}

/** Starts a gRPC client that reads xDS itself: grpc-go 1.83 or @grpc/grpc-js with @grpc/grpc-js-xds. */
export async function startGrpcClient(options: GrpcClientOptions): Promise<GrpcClient> {
  const { language, ads, node = `grpc-${language}` } = options;
  const port = await pickPort();
  const server = await startServer(
    {
      name: `grpc-${language}`,
      command(dir) {
        const file = join(dir, 'bootstrap.json');
        const creds = [{ type: 'insecure' }];
        const servers = [{ server_uri: ads, channel_creds: creds, server_features: ['xds_v3'] }];
        writeFileSync(
          file,
          JSON.stringify({ xds_servers: servers, node: { id: node, cluster: 'apps', locality: {} } }),
        );
        return { ...commandOf(language, port), env: { GRPC_XDS_BOOTSTRAP: file } };
      },
      ready: async (signal) => (await http(`http://127.0.0.1:${port}/ready`, { signal })).status === 200,
    },
    options,
  );
  return Object.assign(server, {
    async greet(target: string, who: string) {
      const query = new URLSearchParams({ target, who }).toString();
      const { status, body } = await http(`http://127.0.0.1:${port}/greet?${query}`, { timeoutMs: 10_000 });
      if (status !== 200) throw new Error(body);
      return body;
    },
  });
}

function commandOf(language: 'go' | 'js', port: number): { command: string; args: string[] } {
  if (language === 'go') {
    return { command: join(artefactDir('grpc-go'), 'grpc-go'), args: ['-control', `127.0.0.1:${port}`] };
  }
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return { command: process.execPath, args: ['--import', tsx, join(serversDir, 'grpc-js/main.ts'), `${port}`] };
}
