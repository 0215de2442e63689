import type { Port, Protocol } from '../../core/model/index.js';
import type { ServicePort } from '../../proto/gen/service_entry.js';

/**
 * Protocol of the catalog → Istio's. What Envoy's generic filters cannot take further than bytes is TCP; so are Redis
 * and MongoDB, whose filters istiod has behind experimental switches, and MySQL, whose server speaks first.
 * Source: https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
 */
export const istioProtocols: Readonly<Record<Protocol, string>> = {
  http: 'HTTP',
  http2: 'HTTP2',
  https: 'HTTPS',
  grpc: 'GRPC',
  'grpc-web': 'GRPC-WEB',
  tcp: 'TCP',
  tls: 'TLS',
  udp: 'UDP',
  dubbo: 'TCP',
  tri: 'GRPC',
  rest: 'HTTP',
  thrift: 'TCP',
  redis: 'TCP',
  mongo: 'TCP',
  mysql: 'TCP',
};

export interface IstioPorts {
  readonly ports: ServicePort[];
  /** Port name of the catalog → name of the port in the ServiceEntry. */
  readonly nameOf: ReadonlyMap<string, string>;
}

const maxNameLength = 63;

/**
 * The ports of a ServiceEntry, in the order of their numbers. A port is named as Istio's convention has it:
 * `<protocol>`, or `<protocol>-<name>` when its own name does not begin with the protocol already.
 */
export function istioPorts(ports: readonly Port[]): IstioPorts {
  const nameOf = new Map<string, string>();
  const taken = new Set<string>();
  const converted = [...ports]
    .sort((a, b) => a.number - b.number)
    .map((port): ServicePort => {
      // A service of a later version's snapshot may hold a protocol that is not known here.
      const protocol = istioProtocols[port.protocol] ?? istioProtocols.tcp;
      let name = conventionalName(port.name, protocol.toLowerCase());
      if (taken.has(name)) name = `${clip(name, maxNameLength - 6)}-${port.number}`;
      taken.add(name);
      nameOf.set(port.name, name);
      return { number: port.number, protocol, name, targetPort: 0 };
    });
  return { ports: converted, nameOf };
}

function conventionalName(name: string, protocol: string): string {
  if (name === protocol || name.startsWith(`${protocol}-`)) return name;
  return clip(`${protocol}-${name}`, maxNameLength);
}

/** A shorter name must not end in a dash. */
function clip(name: string, length: number): string {
  return name.slice(0, length).replace(/-+$/, '');
}
