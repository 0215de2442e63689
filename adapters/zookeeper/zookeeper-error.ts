/** What went wrong, in the names that ZooKeeper gives its error codes, and four of our own below. */
export type ZookeeperErrorCode =
  | 'CONNECTION_LOSS'
  | 'UNIMPLEMENTED'
  | 'NO_NODE'
  | 'NO_AUTH'
  | 'SESSION_EXPIRED'
  | 'AUTH_FAILED'
  /** The server did not answer within the time that the request, the handshake or the ping has. */
  | 'TIMEOUT'
  /** The server has lost its quorum and serves only what it knows (read-only mode). */
  | 'READ_ONLY'
  /** The answer is longer than `maxResponseBytes`. */
  | 'TOO_LARGE'
  /** The server's bytes are no ZooKeeper protocol, or it answered with a code not named here. */
  | 'PROTOCOL';

/** A failed request, or a lost connection. */
export class ZookeeperError extends Error {
  override readonly name = 'ZookeeperError';

  constructor(
    readonly code: ZookeeperErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The code of a reply about a node that is not there. */
export const noNode = -101;

/** Error codes in replies: org.apache.zookeeper.KeeperException.Code. */
const replyCodes: ReadonlyMap<number, ZookeeperErrorCode> = new Map([
  [-4, 'CONNECTION_LOSS'],
  [-6, 'UNIMPLEMENTED'],
  [noNode, 'NO_NODE'],
  [-102, 'NO_AUTH'],
  [-112, 'SESSION_EXPIRED'],
  [-115, 'AUTH_FAILED'],
  [-119, 'READ_ONLY'],
]);

const hints: Partial<Record<ZookeeperErrorCode, string>> = {
  NO_AUTH: 'no right to read it (NO_AUTH); check auth.username and auth.password, and the ACL of the node',
  NO_NODE: 'there is no such node (NO_NODE)',
  READ_ONLY:
    'the server has lost its quorum and does not give it (NOTREADONLY); it takes localSessionsEnabled for that',
  UNIMPLEMENTED: 'the server does not know the request (UNIMPLEMENTED)',
};

/** The error of a reply with `code` to a request about `path`. */
export function replyError(code: number, path: string): ZookeeperError {
  const name = replyCodes.get(code) ?? 'PROTOCOL';
  return new ZookeeperError(name, `${path}: ${hints[name] ?? `the server answered with error ${code}`}`);
}

export function hasCode(error: unknown, code: ZookeeperErrorCode): boolean {
  return error instanceof ZookeeperError && error.code === code;
}
