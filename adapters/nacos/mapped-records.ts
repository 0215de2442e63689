import { isRecord, printable, type Service, type SourceRecord, shownRecord } from '../../core/plugin/index.js';
import { parseMapping } from '../dubbo/mapping.js';
import { toRecords } from './raw-records.js';

/** Dubbo's group of mappings in the configuration of Nacos. */
const mappingGroup = 'mapping';
/** Applications of one interface whose instances are shown. */
const maxApplications = 20;

export interface MappedRecordsOptions {
  readonly interfaceName: string;
  readonly service: Service | undefined;
  /** The text of a configuration; undefined when there is none. */
  readonly config: (dataId: string, group: string) => Promise<string | undefined>;
  /** The instances of an application as Nacos sends them. */
  readonly ask: (application: string) => Promise<readonly unknown[]>;
}

/**
 * What stands behind a Dubbo service beside what is registered under its own name: the mapping of its interface to the
 * applications that provide it, and their instances. A mapping that cannot be read is a record that says so.
 * @throws Error when the instances cannot be read
 */
export async function mappedRecords(options: MappedRecordsOptions): Promise<readonly SourceRecord[]> {
  const { interfaceName, service, config, ask } = options;
  const id = printable(`${mappingGroup}/${interfaceName}`);
  let text: string | undefined;
  try {
    text = await config(interfaceName, mappingGroup);
  } catch (error) {
    return [{ id, text: printable(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`) }];
  }
  if (text === undefined) return [];
  const records: SourceRecord[] = [{ id, text: shownRecord(text) }];
  for (const application of (parseMapping(text) ?? []).slice(0, maxApplications)) {
    const hosts = await ask(application);
    for (const [index, record] of toRecords(hosts, undefined).entries()) {
      const instance = madeOf(hosts[index], service);
      records.push({
        ...record,
        id: printable(`${application} ${record.id}`),
        ...(instance !== undefined && { instance }),
      });
    }
  }
  return records;
}

function madeOf(host: unknown, service: Service | undefined): string | undefined {
  if (!isRecord(host)) return undefined;
  const { ip, port } = host;
  return service?.instances.find(
    ({ address, ports }) => address === ip && Object.values(ports).some((own) => own === port),
  )?.id;
}
