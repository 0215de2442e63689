import type { Socket } from 'node:net';
import type { ConnectionManager, WatcherEvent } from 'node-zookeeper-client';
import { FrameSplitter } from './frame-splitter.js';
import { connectRequest, replyHeaderBytes, saysReadOnly } from './jute.js';
import { replyError, ZookeeperError } from './zookeeper-error.js';

/** `ConnectionManager.STATES` of the library. */
export const managerStates = { connecting: 1, connected: 2, expired: -3, authenticationFailed: -4 } as const;

const maxXid = 0x7fffffff;
const xidOffset = 4;
const errorOffset = 16;

export interface GuardHooks {
  /** Makes the one socket of the connection. */
  readonly dial: () => Socket;
  /** The event of the socket that says that bytes can be sent. */
  readonly ready: 'connect' | 'secureConnect';
  /** Whether a server that has lost its quorum may take us. */
  readonly canBeReadOnly: boolean;
  /** What has to be queued first of all, once the handshake is on its way. */
  readonly onDialled: () => void;
  /** Such a server has taken us. */
  readonly onReadOnly: () => void;
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
 * - it dials once and the one server given, with TLS or without, IPv6 included (the library's parser cuts at every colon);
 * - the handshake has the flag for read-only servers, which the library lacks;
 * - frames are cut by us: bounded, copied once, with no recursion, and an exception in decoding ends the connection
 *   instead of the process; handshake, ping, credentials and events are still the library's to decode, replies are not,
 *   for it believes their lengths and throws on error codes it does not know;
 * - xid begins at 1 and wraps before it turns negative, where the negative ones have meanings of their own;
 * - its own timers for connecting and pinging do nothing; the connection has better ones.
 */
export function guardManager(manager: ConnectionManager, hooks: GuardHooks): void {
  manager.connect = () => {
    manager.connect = () => undefined; // the library dials again after a loss; that is the session's to do
    dialOnce(manager, hooks);
  };
  manager.onSocketTimeout = () => undefined;
  manager.watcherManager.emit = hooks.onEvent;
  guardXid(manager);
  guardFrames(manager, hooks);
}

function dialOnce(manager: ConnectionManager, hooks: GuardHooks): void {
  manager.setState(managerStates.connecting);
  const socket = hooks.dial();
  manager.socket = socket;
  socket.setNoDelay();
  socket.on(hooks.ready, () => {
    const { zxid, sessionTimeout: timeoutMs, sessionId, sessionPassword: password } = manager;
    socket.write(connectRequest({ zxid, timeoutMs, sessionId, password, canBeReadOnly: hooks.canBeReadOnly }));
    hooks.onDialled();
  });
  socket.on('data', (chunk: Buffer) => manager.onSocketData(chunk));
  socket.on('drain', () => manager.onSocketDrain());
  socket.on('close', () => manager.onSocketClosed());
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
    const isHandshake = manager.state === managerStates.connecting;
    if (!isHandshake && frame.readInt32BE(xidOffset) >= 0) {
      hooks.onReply(frame, truncated);
      return;
    }
    if (truncated) throw new ZookeeperError('PROTOCOL', 'an event longer than maxResponseBytes');
    // A server without a quorum answers with an error where it may give no session of its own (localSessionsEnabled).
    if (isHandshake && frame.length === replyHeaderBytes) throw replyError(frame.readInt32BE(errorOffset), 'a session');
    if (isHandshake && saysReadOnly(frame)) hooks.onReadOnly();
    decode.call(manager, frame);
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
