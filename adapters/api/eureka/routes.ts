import { HttpProblem, type HttpReply, type HttpRequest, type HttpRoute } from '../../../core/plugin/index.js';
import type { RegistryBackend } from '../backend.js';
import type { RegisteredInstance } from '../model.js';
import { pathName } from '../requests.js';
import { toInstanceRequest } from './convert.js';
import { type EurekaInfo, parseRegistration, toStatus, withMetadata } from './info.js';
import type { EurekaView } from './view.js';

/** Spring Cloud's clients are pointed at the first, Netflix's own at either. */
const roots = ['/eureka', '/eureka/v2'];
const maxRegistrationLength = 65_536;

type Handler = (request: HttpRequest) => Promise<HttpReply> | HttpReply;

/**
 * The interface of a Eureka server (Netflix's wiki, "Eureka REST operations"; the rules are those of eureka-core's
 * `InstanceResource` and `AbstractInstanceRegistry`), over the registry of one source.
 */
export function eurekaRoutes(view: EurekaView, backend: RegistryBackend, maxTtlSeconds: number): HttpRoute[] {
  const handlers = new EurekaHandlers(view, backend, maxTtlSeconds);
  return roots.flatMap((root) => {
    const route = (method: HttpRoute['method'], path: string, handle: Handler): HttpRoute => ({
      method,
      path: `${root}${path}`,
      foreign: true,
      handle: (request) => {
        checkAccept(request);
        return handle(request);
      },
    });
    const instance = '/apps/:app/:id';
    return [
      route('GET', '/apps', () => handlers.applications()),
      // With the slash at its end, as Netflix's client asks.
      route('GET', '/apps/', () => handlers.applications()),
      route('GET', '/apps/delta', () => handlers.delta()),
      route('GET', '/apps/:app', ({ params }) => handlers.application(params)),
      route('POST', '/apps/:app', (request) => handlers.register(request)),
      route('GET', instance, ({ params }) => handlers.instance(params)),
      route('PUT', instance, (request) => handlers.heartbeat(request)),
      route('DELETE', instance, (request) => handlers.cancel(request)),
      route('PUT', `${instance}/status`, (request) => handlers.setOverride(request)),
      route('DELETE', `${instance}/status`, (request) => handlers.deleteOverride(request)),
      route('PUT', `${instance}/metadata`, (request) => handlers.setMetadata(request)),
      route('GET', '/instances/:id', ({ params }) => handlers.instanceById(params)),
      route('GET', '/vips/:vip', ({ params }) => handlers.byVip(params, 'vips')),
      route('GET', '/svips/:vip', ({ params }) => handlers.byVip(params, 'svips')),
    ];
  });
}

type Params = HttpRequest['params'];

class EurekaHandlers {
  readonly #view: EurekaView;
  readonly #backend: RegistryBackend;
  readonly #maxTtlSeconds: number;

  constructor(view: EurekaView, backend: RegistryBackend, maxTtlSeconds: number) {
    this.#view = view;
    this.#backend = backend;
    this.#maxTtlSeconds = maxTtlSeconds;
  }

  applications(): HttpReply {
    this.#backend.registry();
    return { status: 200, json: this.#view.applications() };
  }

  delta(): HttpReply {
    this.#backend.registry();
    return { status: 200, json: this.#view.delta(this.#backend.now()) };
  }

  application({ app = '' }: Params): HttpReply {
    return this.#found(this.#view.application(app));
  }

  instance({ app = '', id = '' }: Params): HttpReply {
    return this.#found(this.#view.instance(app, id));
  }

  instanceById({ id = '' }: Params): HttpReply {
    return this.#found(this.#view.instanceById(id));
  }

  byVip({ vip = '' }: Params, kind: 'vips' | 'svips'): HttpReply {
    this.#backend.registry();
    return { status: 200, json: this.#view.byVip(vip, kind) };
  }

  /** A registration that is older than the one known, which lives, renews the lease and changes nothing. */
  async register(request: HttpRequest): Promise<HttpReply> {
    const registry = this.#backend.registry();
    const app = pathName('app', request.params['app']);
    const parsed = parseRegistration(request.body, app);
    if ('problem' in parsed) throw badRequest(parsed.problem);
    const name = registry.nameLike(app) ?? app.toLowerCase();
    const id = pathName('instanceId', parsed.id);
    const instance = registry.instance(name, id);
    const known = instance?.eureka;
    const isOlder = known && !instance.expired && isBefore(parsed.info.lastDirtyMs, known.lastDirtyMs);
    const info = isOlder ? known : withOverride(parsed.info, known);
    await this.#put(name, id, info);
    return { status: 204 };
  }

  /** 404 asks the client to register again: the instance is not known, or has changed since it was registered. */
  async heartbeat(request: HttpRequest): Promise<HttpReply> {
    const { name, id, instance } = this.#named(request);
    const dirtyMs = Number(request.query['lastDirtyTimestamp'] ?? '');
    if (instance.eureka && isBefore(instance.eureka.lastDirtyMs, dirtyMs)) throw unknownInstance();
    const outcome = this.#backend.registry().heartbeat(name, id);
    if (outcome === 'revived') await this.#backend.changed({ kind: 'put', name });
    return { status: 200 };
  }

  async cancel(request: HttpRequest): Promise<HttpReply> {
    const { name, id } = this.#named(request);
    this.#backend.registry().deleteInstance(name, id);
    await this.#backend.changed({ kind: 'put', name });
    return { status: 200 };
  }

  async setOverride(request: HttpRequest): Promise<HttpReply> {
    const { name, id, info } = this.#registered(request);
    const value = request.query['value'];
    const overriddenStatus = toStatus(value);
    if (overriddenStatus === 'UNKNOWN' && value?.toUpperCase() !== 'UNKNOWN') {
      throw badRequest('value: expected a status, as UP or OUT_OF_SERVICE');
    }
    await this.#put(name, id, { ...info, overriddenStatus });
    return { status: 200 };
  }

  /** What the instance itself has said of its status counts again. */
  async deleteOverride(request: HttpRequest): Promise<HttpReply> {
    const { name, id, info } = this.#registered(request);
    const status = request.query['value'] === undefined ? info.status : toStatus(request.query['value']);
    const own = status === 'UNKNOWN' ? info.status : status;
    await this.#put(name, id, { ...info, status: own, overriddenStatus: 'UNKNOWN' });
    return { status: 200 };
  }

  async setMetadata(request: HttpRequest): Promise<HttpReply> {
    const { name, id, info } = this.#registered(request);
    const changed = withMetadata(info, request.query);
    if ('problem' in changed) throw badRequest(`metadata: ${changed.problem}`);
    await this.#put(name, id, { ...info, ...changed });
    return { status: 200 };
  }

  async #put(name: string, id: string, info: EurekaInfo): Promise<void> {
    const registry = this.#backend.registry();
    if (JSON.stringify(info).length > maxRegistrationLength) {
      throw new HttpProblem(413, 'Content Too Large', `more than ${maxRegistrationLength} characters`);
    }
    const request = toInstanceRequest(info, registry.services.get(name)?.ports ?? [], this.#maxTtlSeconds);
    if ('problem' in request) throw badRequest(request.problem);
    const outcome = registry.putInstance(name, id, request, info);
    if (outcome === 'same') await this.#backend.durable();
    else await this.#backend.changed({ kind: 'put', name });
  }

  #found(json: string | undefined): HttpReply {
    this.#backend.registry();
    if (json === undefined) throw new HttpProblem(404, 'Not Found');
    return { status: 200, json };
  }

  #named(request: HttpRequest): { name: string; id: string; instance: RegisteredInstance } {
    const registry = this.#backend.registry();
    const { app = '', id = '' } = request.params;
    const name = registry.nameLike(app) ?? '';
    const instance = registry.instance(name, id);
    if (!instance) throw unknownInstance();
    return { name, id, instance };
  }

  #registered(request: HttpRequest): { name: string; id: string; info: EurekaInfo } {
    const { name, id, instance } = this.#named(request);
    if (!instance.eureka) throw new HttpProblem(409, 'Conflict', 'the instance was not registered by a Eureka client');
    return { name, id, info: instance.eureka };
  }
}

/** Of two times of a client's clock, where each of them is said. */
function isBefore(a: number, b: number): boolean {
  return a > 0 && a < b;
}

/** An override outlives the registrations after it. */
function withOverride(info: EurekaInfo, known: EurekaInfo | undefined): EurekaInfo {
  if (!known || known.overriddenStatus === 'UNKNOWN') return info;
  return { ...info, overriddenStatus: known.overriddenStatus };
}

/** Old clients ask for XML alone; today's ask for JSON, or name both. */
function checkAccept({ accept }: HttpRequest): void {
  const types = accept.split(',').map((part) => part.split(';', 1)[0]?.trim().toLowerCase() ?? '');
  if (accept === '' || types.some((type) => /^(?:\*\/\*|application\/(?:\*|[a-z0-9.*+-]*json))$/.test(type))) return;
  throw new HttpProblem(406, 'Not Acceptable', 'there is JSON alone: send Accept: application/json');
}

function badRequest(detail: string): HttpProblem {
  return new HttpProblem(400, 'Bad Request', detail);
}

function unknownInstance(): HttpProblem {
  return new HttpProblem(404, 'Not Found', 'register first');
}
