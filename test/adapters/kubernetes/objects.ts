/** Objects of the API to test with. */
export interface SlicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly zone?: string;
  readonly nodeName?: string;
  readonly targetRef?: { readonly kind: string; readonly name: string };
}

export function aService(name: string, spec: object = {}, metadata: object = {}) {
  return {
    ...{ apiVersion: 'v1', kind: 'Service' },
    metadata: { name, namespace: 'shop', resourceVersion: '1', ...metadata },
    spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ipFamilies: ['IPv4'], ...spec },
  };
}

export function aSlice(
  service: string,
  endpoints: readonly Endpoint[],
  options: { readonly name?: string; readonly ports?: readonly SlicePort[]; readonly addressType?: string } = {},
) {
  const { name = `${service}-1`, ports = [{ name: 'http', port: 8080, protocol: 'TCP' }], ...more } = options;
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: {
      ...{ name, namespace: 'shop', resourceVersion: '1' },
      labels: { 'kubernetes.io/service-name': service },
    },
    ports,
    endpoints,
    ...more,
  };
}
