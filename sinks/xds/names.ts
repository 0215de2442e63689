/** Names of resources, as clients ask for them. */

/** `HOST:PORT`: what proxyless gRPC dials, and the listener, routes, cluster and endpoints behind it. */
export function portName(host: string, port: number): string {
  return `${host}:${port}`;
}

/**
 * Clusters of a gateway are its own, for how it connects is its configuration; so are their endpoints, for their
 * priorities are by where it is. Both have one name, by which a client that is told of a changed cluster is told its
 * endpoints once more.
 */
export function clusterName(gateway: string, host: string, port: number): string {
  return `${gateway}/${portName(host, port)}`;
}

/** The listener, and the routes that it asks for. */
export function listenerName(gateway: string, listener: string): string {
  return `${gateway}/${listener}`;
}
