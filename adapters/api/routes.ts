import { HttpProblem, type HttpReply, type HttpRequest, type HttpRoute } from '../../core/plugin/index.js';
import type { RegistryBackend } from './backend.js';
import { handleBulk } from './bulk.js';
import type { RegisteredService } from './model.js';
import { publicMetadata } from './public-metadata.js';
import { pathName, type RequestParser } from './requests.js';

type Handler = (request: HttpRequest) => Promise<HttpReply> | HttpReply;

/** The REST registry of the source called `name`, below `/api/v1/registry/<name>`. */
export function registryRoutes(name: string, parser: RequestParser, backend: RegistryBackend): HttpRoute[] {
  const handlers = new RegistryHandlers(parser, backend);
  const base = `/api/v1/registry/${name}`;
  const root = `${base}/services`;
  const service = `${root}/:service`;
  const instance = `${service}/instances/:id`;
  const route = (method: HttpRoute['method'], path: string, handle: Handler): HttpRoute => ({ method, path, handle });
  return [
    route('GET', root, () => handlers.listServices()),
    route('GET', service, (request) => handlers.getService(request)),
    route('PUT', service, (request) => handlers.putService(request)),
    route('DELETE', service, (request) => handlers.deleteService(request)),
    route('GET', `${service}/instances`, (request) => handlers.listInstances(request)),
    route('GET', instance, (request) => handlers.getInstance(request)),
    route('PUT', instance, (request) => handlers.putInstance(request)),
    route('DELETE', instance, (request) => handlers.deleteInstance(request)),
    route('PUT', `${instance}/heartbeat`, (request) => handlers.heartbeat(request)),
    route('POST', `${base}/bulk`, (request) => handleBulk(request, parser, backend)),
  ];
}

class RegistryHandlers {
  readonly #parser: RequestParser;
  readonly #backend: RegistryBackend;

  constructor(parser: RequestParser, backend: RegistryBackend) {
    this.#parser = parser;
    this.#backend = backend;
  }

  listServices(): HttpReply {
    const services = [...this.#backend.registry().services.values()].map((service) => ({
      ...summary(service),
      instances: service.instances.size,
    }));
    return { status: 200, body: { services: services.sort((a, b) => (a.name < b.name ? -1 : 1)) } };
  }

  getService(request: HttpRequest): HttpReply {
    const name = serviceName(request);
    return { status: 200, body: this.#service(name) };
  }

  async putService(request: HttpRequest): Promise<HttpReply> {
    const registry = this.#backend.registry();
    const name = serviceName(request);
    const isNew = registry.putService(name, this.#parser.service(request.body));
    const body = this.#service(name);
    await this.#backend.changed({ kind: 'put', name });
    return { status: isNew ? 201 : 200, body };
  }

  async deleteService(request: HttpRequest): Promise<HttpReply> {
    const name = serviceName(request);
    if (!this.#backend.registry().deleteService(name)) throw unknownService(name);
    await this.#backend.changed({ kind: 'removed', name });
    return { status: 204 };
  }

  listInstances(request: HttpRequest): HttpReply {
    const { instances } = this.#service(serviceName(request));
    return { status: 200, body: { instances } };
  }

  getInstance(request: HttpRequest): HttpReply {
    return { status: 200, body: this.#instance(serviceName(request), instanceId(request)) };
  }

  async putInstance(request: HttpRequest): Promise<HttpReply> {
    const registry = this.#backend.registry();
    const name = serviceName(request);
    const id = instanceId(request);
    const outcome = registry.putInstance(name, id, this.#parser.instance(request.body));
    // Made before the wait: the instance may be deleted, or expire, while the disk is written.
    const body = this.#instance(name, id);
    if (outcome === 'same') await this.#backend.durable();
    else await this.#backend.changed({ kind: 'put', name });
    return { status: outcome === 'new' ? 201 : 200, body };
  }

  async deleteInstance(request: HttpRequest): Promise<HttpReply> {
    const name = serviceName(request);
    const id = instanceId(request);
    if (!this.#backend.registry().deleteInstance(name, id)) throw unknownInstance(name, id);
    await this.#backend.changed({ kind: 'put', name });
    return { status: 204 };
  }

  async heartbeat(request: HttpRequest): Promise<HttpReply> {
    const name = serviceName(request);
    const id = instanceId(request);
    const outcome = this.#backend.registry().heartbeat(name, id);
    if (outcome === 'unknown') throw unknownInstance(name, id);
    if (outcome === 'revived') await this.#backend.changed({ kind: 'put', name });
    return { status: 204 };
  }

  #service(name: string) {
    const service = this.#backend.registry().services.get(name);
    if (!service) throw unknownService(name);
    const instances = [...service.instances.keys()].sort().map((id) => this.#instance(name, id));
    return { ...summary(service), instances };
  }

  #instance(name: string, id: string) {
    const registry = this.#backend.registry();
    const found = registry.instance(name, id);
    if (!found) throw unknownInstance(name, id);
    // What a Eureka client registered is shown to Eureka's clients alone: its metadata may hold credentials.
    const { eureka, ...instance } = found;
    const shown = eureka ? { ...instance, metadata: publicMetadata(instance.metadata) } : instance;
    const expiresMs = registry.expiresMs(name, id);
    return expiresMs === undefined ? shown : { ...shown, expiresAt: new Date(expiresMs).toISOString() };
  }
}

function summary({ name, declared, ports, metadata }: RegisteredService) {
  return { name, declared, ports, metadata };
}

function serviceName(request: HttpRequest): string {
  return pathName('service', request.params['service']);
}

function instanceId(request: HttpRequest): string {
  return pathName('instance', request.params['id']);
}

function unknownService(name: string): HttpProblem {
  return new HttpProblem(404, 'Not Found', `there is no service ${name}`);
}

function unknownInstance(name: string, id: string): HttpProblem {
  return new HttpProblem(404, 'Not Found', `service ${name} has no instance ${id}: register it with PUT`);
}
