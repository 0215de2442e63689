import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';

/** Node's own list of what is open, for debugging; it has no public name. */
interface WithHandles {
  _getActiveHandles?(): readonly unknown[];
}

/**
 * What keeps this process from ending, as `['Timeout', 'socket 127.0.0.1:4000 > 127.0.0.1:8848']`: the kinds that Node
 * names, and what sockets, servers and child processes tell of themselves.
 */
export function openHandles(): string[] {
  const handles = (process as unknown as WithHandles)._getActiveHandles?.() ?? [];
  const known = handles.map(describeHandle).filter((text) => text !== undefined);
  return [...process.getActiveResourcesInfo(), ...known];
}

/** Begin and end of a command line: those of Java tell in their last word what runs. */
function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 100)} … ${text.slice(-100)}`;
}

function describeHandle(handle: unknown): string | undefined {
  if (handle instanceof ChildProcess) return `process ${handle.pid} (${shortened(handle.spawnargs.join(' '))})`;
  if (handle instanceof Server) return `server ${JSON.stringify(handle.address())}`;
  // Standard streams are sockets without addresses.
  if (!(handle instanceof Socket) || handle.localPort === undefined) return undefined;
  const { localAddress, localPort, remoteAddress, remotePort, readyState } = handle;
  return `socket ${localAddress}:${localPort} > ${remoteAddress}:${remotePort} (${readyState})`;
}
