import { type Consumer, checkAddress, isRecord, printable } from '../../core/plugin/index.js';
import { instanceMetadata, type StringPool } from './metadata.js';

const maxConsumers = 10_000;

/** Who registered in `consumers:interface:version:group`, as Dubbo's consumers do. */
export function consumersOf(hosts: readonly unknown[], pool: StringPool): readonly Consumer[] {
  const consumers = new Map<string, Consumer>();
  for (const host of hosts.slice(0, maxConsumers)) {
    if (!isRecord(host)) continue;
    const { ip, port, metadata } = host;
    const said = isRecord(metadata) ? metadata : {};
    const found = checkAddress(typeof ip === 'string' ? ip : '');
    const address = found.ok ? found.address : '';
    const application = typeof said['application'] === 'string' ? printable(said['application']) : '';
    const id = `${application}@${address}:${typeof port === 'number' ? port : ''}`;
    consumers.set(id, { id, application, address, metadata: instanceMetadata(said, {}, pool) });
  }
  return [...consumers.values()];
}
