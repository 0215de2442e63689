import { metadataFrom, type Service } from '../core/model/index.js';
import { instanceAddress, interfaceName } from './scale.js';

/** About what the ZooKeeper source makes of a Dubbo provider. */
export function dubboService(index: number, instances: number): Service {
  const name = interfaceName(index);
  return {
    name: `${name}:1.0.0:`,
    attributes: metadataFrom(Object.entries({ interface: name, version: '1.0.0', group: '', name })),
    ports: [{ name: 'dubbo', number: 20_880, protocol: 'dubbo' }],
    metadata: metadataFrom([]),
    instances: Array.from({ length: instances }, (_, instance) => {
      const address = instanceAddress(index, instance);
      const metadata = Object.entries({
        application: `provider-${index}`,
        dubbo: '2.0.2',
        release: '3.3.6',
        side: 'provider',
        timestamp: String(1_700_000_000_000 + index * 1000 + instance),
        pid: String(4711 + instance),
        methods: 'sayHello,getUserById,listOrders,createOrder,cancelOrder,queryStatus',
        'prefer.serialization': 'fastjson2,hessian2',
      });
      return {
        id: `dubbo://${address}:20880`,
        address,
        ports: { dubbo: 20_880 },
        health: 'healthy',
        weight: 100,
        metadata: metadataFrom(metadata),
      };
    }),
  };
}
