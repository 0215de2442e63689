/** What `isthmus run` uses without --config: a registry over REST, and everything on this machine alone. */
export const defaultConfigName = 'the built-in configuration';

export const defaultConfigText = `site: local
api: { listen: 127.0.0.1:8080 }
data: ./data
log: { format: pretty }
sources:
  - { name: api, kind: api, addresses: { loopback: true } }
sinks:
  - { kind: mcp, listen: 127.0.0.1:15010 }
`;
