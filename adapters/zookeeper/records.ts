import { type Instance, printable, type Service, type SourceRecord } from '../../core/plugin/index.js';
import { parseZookeeperInstance } from '../dubbo/application-instance.js';
import { decodeText } from '../dubbo/dubbo-url.js';
import { type Outcome, ProviderReader } from '../dubbo/provider.js';
import { redacted } from '../dubbo/secrets.js';
import type { ZookeeperConnection } from './connection.js';
import type { NodeData } from './jute.js';
import type { Places } from './places.js';
import type { RegistryState } from './registry-state.js';
import type { ServiceOrigin } from './root-state.js';

const maxRecords = 1000;
const maxTextLength = 4096;
/** What is looked at of a longer text: enough to fill a record after decoding. */
const maxLooked = 16_384;

type Origin = ServiceOrigin & { readonly root: number };

/** Reads the znodes behind a service: providers, rules, instances of applications. */
export class RecordReader {
  readonly #connection: ZookeeperConnection;
  readonly #places: Places;
  readonly #state: RegistryState;
  readonly #records: SourceRecord[] = [];

  constructor(connection: ZookeeperConnection, places: Places, state: RegistryState) {
    this.#connection = connection;
    this.#places = places;
    this.#state = state;
  }

  /** @throws ZookeeperError when they can't be read */
  async read(serviceName: string, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const origin = this.#state.origin(serviceName);
    if (origin === undefined) return [];
    await this.#providers(origin, signal);
    for (const category of ['configurators', 'routers'] as const) await this.#rules(origin, category, signal);
    for (const application of origin.applications) await this.#instances(application, origin.service, signal);
    await this.#configRules(origin, signal);
    await this.#mappings(origin, signal);
    return this.#records;
  }

  async #providers(origin: Origin, signal: AbortSignal): Promise<void> {
    if (origin.node === undefined) return;
    const { interfaceName, id } = origin;
    const reader = new ProviderReader();
    const isOurs = (outcome: Outcome) => {
      if (outcome.kind === 'ignored') return false;
      const { version = '', group = '' } = outcome.id ?? {};
      return version === id.version && group === id.group;
    };
    const path = this.#places.category(origin.root, origin.node, 'providers');
    for (const name of await this.#children(path)) {
      const outcome = reader.read(interfaceName, name);
      if (!isOurs(outcome)) continue;
      await this.#add(
        `${path}/${name}`,
        signal,
        () => decodeText(name) ?? name,
        () => (outcome.kind === 'provider' ? outcome.instance.id : undefined),
      );
    }
  }

  async #rules({ node, root }: Origin, category: 'configurators' | 'routers', signal: AbortSignal): Promise<void> {
    if (node === undefined) return;
    const path = this.#places.category(root, node, category);
    for (const name of await this.#children(path)) {
      await this.#add(`${path}/${name}`, signal, () => decodeText(name) ?? name);
    }
  }

  async #instances(application: string, service: Service, signal: AbortSignal): Promise<void> {
    const path = this.#places.application(application);
    const madeOf = ({ data }: NodeData, name: string): Instance | undefined => {
      const outcome = parseZookeeperInstance(application, name, data.toString('utf8'));
      if (outcome.kind !== 'instance') return undefined;
      const { address, endpoints, port } = outcome.instance;
      const listens = new Set([port, ...Object.values(endpoints)]);
      return service.instances.find(
        (one) => one.address === address && Object.values(one.ports).some((own) => listens.has(own)),
      );
    };
    for (const name of await this.#children(path)) {
      await this.#add(
        `${path}/${name}`,
        signal,
        ({ data }) => data.toString('utf8'),
        (node) => madeOf(node, name)?.id,
      );
    }
  }

  async #configRules({ interfaceName, applications }: Origin, signal: AbortSignal): Promise<void> {
    if (this.#places.rulesRoot === undefined) return;
    const starts = [`${interfaceName}.`, `${interfaceName}:`, ...applications.map((name) => `${name}.`)];
    for (const id of this.#state.ruleIds) {
      if (!starts.some((start) => id.startsWith(start))) continue;
      await this.#add(this.#places.rule(id), signal, ({ data }) => data.toString('utf8'));
    }
  }

  /** Who is said to provide it, where applications are read. They belong to the first root, wherever that is said. */
  async #mappings({ interfaceName, root }: Origin, signal: AbortSignal): Promise<void> {
    if (this.#places.servicesRoot === undefined || root !== 0) return;
    for (const index of this.#places.roots.keys()) {
      await this.#add(this.#places.mapping(index, interfaceName), signal, ({ data }) => data.toString('utf8'));
    }
  }

  async #children(path: string): Promise<string[]> {
    if (this.#records.length >= maxRecords) return [];
    return (await this.#connection.findChildren(path, false))?.names ?? [];
  }

  async #add(
    path: string,
    signal: AbortSignal,
    textOf: (node: NodeData) => string,
    instanceOf: (node: NodeData) => string | undefined = () => undefined,
  ): Promise<void> {
    signal.throwIfAborted();
    if (this.#records.length >= maxRecords) return;
    const node = await this.#connection.findData(path, false);
    if (node === undefined) return; // it has gone since it was listed
    const instance = instanceOf(node);
    const { czxid, mzxid, ephemeralOwner } = node.stat;
    const life =
      ephemeralOwner === 0n
        ? 'persistent'
        : `ephemeral of session 0x${BigInt.asUintN(64, ephemeralOwner).toString(16)}`;
    this.#records.push({
      id: shown(path, 1024),
      ...(instance !== undefined && { instance }),
      revision: `mzxid 0x${mzxid.toString(16)}, czxid 0x${czxid.toString(16)}, ${life}`,
      text: shown(textOf(node), maxTextLength),
    });
  }
}

/** Decoded as far as it is a name, without credentials, on one line. */
function shown(text: string, maxLength: number): string {
  return printable(redacted(text.slice(0, maxLooked)), maxLength);
}
