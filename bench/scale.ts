/** Names and URLs of the services that a bench writes; the same in every run. */
export interface Scale {
  readonly services: number;
  readonly instances: number;
}

export function describeScale({ services, instances }: Scale): string {
  return `${services.toLocaleString('en-US')} × ${instances}`;
}

export function interfaceName(service: number): string {
  return `com.example.company.department.service.Api${service}Service`;
}

/** The address of an instance; no two of the first 16 million services × 16 instances are alike in one scale. */
export function instanceAddress(service: number, instance: number): string {
  return `10.${(service >> 8) & 255}.${service & 255}.${instance + 1}`;
}

/** A provider as Dubbo 3 writes it: about 600 bytes once encoded. */
export function providerNode(service: number, address: string): string {
  const name = interfaceName(service);
  const url =
    `dubbo://${address}:20880/${name}?anyhost=true&application=provider-${service}&background=false&deprecated=false` +
    `&dubbo=2.0.2&dynamic=true&executor-management-mode=isolation&file-cache=true&generic=false&interface=${name}` +
    '&methods=sayHello,getUserById,listOrders,createOrder,cancelOrder,queryStatus&pid=4711&prefer.serialization=' +
    `fastjson2,hessian2&release=3.3.6&service-name-mapping=true&side=provider&timeout=3000&timestamp=1700000000000`;
  return encodeURIComponent(url);
}
