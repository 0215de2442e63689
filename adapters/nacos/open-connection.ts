import type { NacosConnection } from './connection.js';
import { GrpcConnection, type GrpcConnectionOptions } from './grpc-connection.js';
import { HttpConnection, type HttpConnectionOptions } from './http-connection.js';
import type { NacosMetrics } from './metrics.js';
import { NacosError } from './nacos-error.js';
import type { Message } from './payload.js';
import type { NacosServer } from './server.js';

/** `auto`: gRPC, and HTTP where a server has no gRPC and no API of 2.x. */
export type Mode = 'auto' | 'grpc' | 'http';

/** What all connections of a source share. */
export type ConnectionSettings = Omit<GrpcConnectionOptions & HttpConnectionOptions, 'server' | 'onPush'> & {
  readonly mode: Mode;
};

/**
 * Connects to one server in the way it speaks. The caller closes the connection.
 *
 * @param onPush what the server sends by itself; must not throw
 * @throws NacosError when the server is out of reach or not ready; the signal's reason
 */
export async function openConnection(
  server: NacosServer,
  settings: ConnectionSettings,
  onPush: (message: Message) => void,
  signal: AbortSignal,
): Promise<NacosConnection> {
  const options = { server, ...settings, onPush };
  const { mode } = settings;
  const connection = await (mode === 'http' ? HttpConnection.open(options, signal) : openNewer());
  counted(connection, settings.metrics);
  return connection;

  async function openNewer(): Promise<NacosConnection> {
    try {
      return await GrpcConnection.open(options, signal);
    } catch (error) {
      signal.throwIfAborted();
      const isSilent = error instanceof NacosError && error.code === 0;
      if (mode === 'auto' && isSilent && (await isOlder(server, settings, signal))) {
        return HttpConnection.open(options, signal);
      }
      throw error;
    }
  }
}

/** Whether a server has the naming API of 1.x and not that of 2.x: a newer one that hides its gRPC port is none. */
async function isOlder(
  server: NacosServer,
  { http, credentials }: ConnectionSettings,
  signal: AbortSignal,
): Promise<boolean> {
  const status = (path: string) =>
    credentials.authorized({ kind: 'naming' }, async (proof) => {
      return (await http.ask(server, { path, credentials: proof }, signal)).status;
    });
  try {
    return (await status('/v1/ns/operator/metrics')) === 200 && (await status('/v2/ns/operator/metrics')) === 404;
  } catch {
    // Then it is out of reach in both ways, and the first error tells of it.
    signal.throwIfAborted();
    return false;
  }
}

function counted({ protocol, lost }: NacosConnection, metrics: NacosMetrics): void {
  metrics.connected(protocol, 1);
  const over = () => metrics.connected(protocol, -1);
  if (lost.aborted) over();
  else lost.addEventListener('abort', over, { once: true });
}
