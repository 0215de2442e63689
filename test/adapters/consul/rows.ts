/** A row of `/v1/health/service/<name>` in the shape that Consul 1.12 gives it. */
export interface RowOptions {
  readonly node?: Readonly<Record<string, unknown>>;
  readonly service?: Readonly<Record<string, unknown>>;
  readonly checks?: readonly Readonly<Record<string, unknown>>[];
}

export function aRow({ node = {}, service = {}, checks = [] }: RowOptions = {}): Record<string, unknown> {
  return {
    Node: {
      ...{ ID: '5f4a', Node: 'host-1', Address: '10.0.0.9', Datacenter: 'dc1', TaggedAddresses: { lan: '10.0.0.9' } },
      ...{ Meta: { 'consul-network-segment': '' }, CreateIndex: 11, ModifyIndex: 15 },
      ...node,
    },
    Service: {
      ...{ ID: 'web-1', Service: 'web', Tags: [], Address: '10.0.0.1', Meta: null, Port: 8080 },
      ...{ Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false, Proxy: {}, Connect: {}, ModifyIndex: 17 },
      ...service,
    },
    Checks: [
      { Node: 'host-1', CheckID: 'serfHealth', Name: 'Serf Health Status', Status: 'passing', ServiceID: '' },
      ...checks,
    ],
  };
}

export function aCheck(status: string, id = 'service:web-1'): Record<string, unknown> {
  return {
    Node: 'host-1',
    CheckID: id,
    Name: 'check',
    Status: status,
    Output: 'text',
    ServiceID: 'web-1',
    ServiceName: 'web',
  };
}
