import type { ConnectionManager, WatcherEvent } from 'node-zookeeper-client';
import type { HostPort } from '../../core/plugin/index.js';
import { FrameSplitter } from './frame-splitter.js';
import { ZookeeperError } from './zookeeper-error.js';

/** `ConnectionManager.STATES` of the library. */
export const managerStates = { connecting: 1, connected: 2, expired: -3, authenticationFailed: -4 } as const;

const maxXid = 0x7fffffff;
const xidOffset = 4;

export interface GuardHooks {
  readonly maxFrameBytes: number;
  /** Something came from the server. */
  readonly onBytes: () => void;
  /** A reply to a request of ours; `truncated`: it was longer than the bound, only its head is here. */
  readonly onReply: (frame: Buffer, truncated: boolean) => void;
  readonly onEvent: (event: WatcherEvent) => void;
  /** The connection is of no use any more. */
  readonly onUndecodable: (cause: unknown) => void;
}

/**
 * Patches one connection manager of node-zookeeper-client 1.1.3, before it connects:
 * - it dials the one server given, IPv6 included (the library's parser cuts at every colon);
 * - frames are cut by us: bounded, copied once, with no recursion, and an exception in decoding ends the connection
 *   instead of the process; handshake, ping, credentials and events are still the library's to decode, replies are not,
 *   for it believes their lengths and throws on error codes it does not know;
 * - xid begins at 1 and wraps before it turns negative, where the negative ones have meanings of their own;
 * - its own timers for connecting and pinging do nothing; the connection has better ones.
 */
export function guardManager(manager: ConnectionManager, server: HostPort, hooks: GuardHooks): void {
  manager.servers = [{ ...server }];
  manager.findNextServer = (callback) => callback({ ...server });
  manager.onSocketConnectTimeout = () => undefined;
  manager.onSocketTimeout = () => undefined;
  manager.watcherManager.emit = hooks.onEvent;
  guardXid(manager);
  guardFrames(manager, hooks);
}

function guardXid(manager: ConnectionManager): void {
  let xid = 1;
  Object.defineProperty(manager, 'xid', {
    get: () => xid,
    set: (value: number) => {
      xid = value > maxXid ? 1 : value;
    },
  });
}

function guardFrames(manager: ConnectionManager, hooks: GuardHooks): void {
  const decode = Object.getPrototypeOf(manager).onSocketData as (frame: Buffer) => void;
  const splitter = new FrameSplitter(hooks.maxFrameBytes, (frame, truncated) => {
    const isReply = manager.state !== managerStates.connecting && frame.readInt32BE(xidOffset) >= 0;
    if (isReply) hooks.onReply(frame, truncated);
    else if (truncated) throw new ZookeeperError('PROTOCOL', 'an event longer than maxResponseBytes');
    else decode.call(manager, frame);
  });
  manager.onSocketData = (chunk) => {
    hooks.onBytes();
    try {
      splitter.push(chunk);
    } catch (cause) {
      hooks.onUndecodable(cause);
    }
  };
}
