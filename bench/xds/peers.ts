import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { execa } from 'execa';
import { pickPort } from '../../test/servers/ports.js';
import { LineProcess } from './process-lines.js';

const folder = fileURLToPath(new URL('../../dist/bench/', import.meta.url));
const goProgram = `${folder}xds-peer`;
const ownProgram = `${folder}sink-server.js`;

/** Builds the peer and our own server, each as it runs in earnest. */
export async function buildPrograms(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const cwd = fileURLToPath(new URL('../peers/xds', import.meta.url));
  await execa('go', ['build', '-o', goProgram, '.'], { cwd, timeout: 600_000 });
  await build({
    entryPoints: [fileURLToPath(new URL('sink-server.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: ownProgram,
  });
}

export interface ServerOptions {
  readonly services: number;
  readonly instances: number;
}

export interface StartedServer {
  readonly process: LineProcess;
  readonly port: number;
}

/** Ours, or go-control-plane with its linear cache. */
export async function startServer(
  kind: 'isthmus' | 'go',
  { services, instances }: ServerOptions,
): Promise<StartedServer> {
  const port = await pickPort();
  const [command, ...args] = kind === 'go' ? [goProgram, 'serve'] : [process.execPath, '--expose-gc', ownProgram];
  const server = new LineProcess(command, [...args, port, services, instances]);
  await server.next('ready');
  return { process: server, port };
}

/** As many delta streams as are asked for, each with so many names, of which one is that of service 0. */
export async function startClients(
  port: number,
  streams: number,
  names: number,
  services: number,
): Promise<LineProcess> {
  const clients = new LineProcess(goProgram, ['clients', port, streams, names, services]);
  await clients.next('ready');
  return clients;
}
