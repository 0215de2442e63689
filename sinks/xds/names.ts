/** Names of resources, as clients ask for them. */

/** `HOST:PORT`: what proxyless gRPC dials, and the neutral assignment. */
export function portName(host: string, port: number): string {
  return `${host}:${port}`;
}

/** For clients of one locality: assignments differ in their priorities. */
export function assignmentName(host: string, port: number, locality: string | undefined): string {
  return locality === undefined ? portName(host, port) : `${portName(host, port)}@${locality}`;
}

/** Clusters of a gateway are its own: how it connects is its configuration. */
export function clusterName(gateway: string, host: string, port: number): string {
  return `${gateway}/${portName(host, port)}`;
}

/** The listener, and the routes that it asks for. */
export function listenerName(gateway: string, listener: string): string {
  return `${gateway}/${listener}`;
}
