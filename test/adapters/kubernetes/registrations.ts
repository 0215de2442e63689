import type { KubeWriter } from '../../support/kube-writer.js';
import { aService, aSlice } from './objects.js';

/** Services and EndpointSlices as the controllers of a cluster would write them: one slice an instance. */
export class Registrations {
  readonly #writer: KubeWriter;
  readonly #namespace: string;
  readonly #services = new Set<string>();

  constructor(writer: KubeWriter, namespace: string) {
    this.#writer = writer;
    this.#namespace = namespace;
  }

  get services(): string {
    return `/api/v1/namespaces/${this.#namespace}/services`;
  }

  get slices(): string {
    return `/apis/discovery.k8s.io/v1/namespaces/${this.#namespace}/endpointslices`;
  }

  async service(name: string, spec: object = {}, metadata: object = {}): Promise<void> {
    const { ipFamilies: _, ...object } = aService(name, spec, { ...metadata, namespace: this.#namespace }).spec;
    const { resourceVersion: __, ...meta } = aService(name, {}, { ...metadata, namespace: this.#namespace }).metadata;
    const known = await this.#writer.get(`${this.services}/${name}`);
    const clusterIP = (known as { spec?: { clusterIP?: string } } | undefined)?.spec?.clusterIP;
    await this.#writer.put(this.services, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: meta },
      spec: { ...object, ...(clusterIP === undefined ? {} : { clusterIP }) },
    });
    this.#services.add(name);
  }

  /** The service, if it is not there, and one instance of it. */
  async instance(service: string, id: string, address: string, port: number, ready = true): Promise<void> {
    if (!this.#services.has(service)) await this.service(service);
    await this.slice(service, `${service}-${id}`, [{ addresses: [address], conditions: { ready } }], port);
  }

  async slice(service: string, name: string, endpoints: Parameters<typeof aSlice>[1], port = 8080): Promise<void> {
    const slice = aSlice(service, endpoints, { name, ports: [{ name: 'http', port, protocol: 'TCP' }] });
    const { resourceVersion: _, ...metadata } = slice.metadata;
    await this.#writer.put(this.slices, { ...slice, metadata: { ...metadata, namespace: this.#namespace } });
  }

  async removeInstance(service: string, id: string): Promise<void> {
    await this.#writer.delete(`${this.slices}/${service}-${id}`);
  }

  async removeService(name: string): Promise<void> {
    await this.#writer.delete(`${this.services}/${name}`);
    this.#services.delete(name);
  }
}
