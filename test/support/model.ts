import type { Instance, Service } from '../../core/model/index.js';

/** An instance to test with: healthy, weight 100, port `http`. */
export function anInstance(id: string, overrides: Partial<Instance> = {}): Instance {
  return {
    id,
    address: '10.0.0.1',
    ports: { http: 8080 },
    health: 'healthy',
    weight: 100,
    metadata: {},
    ...overrides,
  };
}

/** A service to test with: one port, `http` on 80. */
export function aService(name: string, instances: readonly Instance[] = [], overrides: Partial<Service> = {}): Service {
  return {
    name,
    attributes: { name },
    ports: [{ name: 'http', number: 80, protocol: 'http' }],
    instances,
    metadata: {},
    ...overrides,
  };
}
