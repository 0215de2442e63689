import type { FastifyInstance, FastifyReply, FastifyRequest, RequestPayload } from 'fastify';
import { HttpProblem, type HttpRoute, type HttpRoutes } from '../../core/plugin/index.js';
import { unpacked } from './gzip-body.js';
import { toQuery } from './query.js';

const pathPattern = /^\/api\/v1(?:\/(?:[a-z0-9-]+|:[A-Za-z][A-Za-z0-9]*))+$/;
const foreignPattern = /^\/([a-z][a-z0-9-]*)(?:\/(?:[a-z0-9-]+|:[A-Za-z][A-Za-z0-9]*))+\/?$/;
/** First parts of the API's own paths, now and to come. */
const ownNames = new Set(['api', 'healthz', 'readyz', 'metrics', 'ui', 'assets', 'static']);

/** The routes that plug-ins add, each with a deadline and a signal that ends with its caller. */
export class PluginRoutes implements HttpRoutes {
  readonly #app: FastifyInstance;
  readonly #timeoutMs: number;
  readonly #running = new Set<AbortController>();
  readonly #foreign: Set<string>;
  readonly #taken = new Set<string>();
  #isOpen = true;

  /** @param foreign gets the first part of the paths of other registries' interfaces, as `eureka` */
  constructor(app: FastifyInstance, timeoutMs: number, foreign: Set<string>) {
    this.#app = app;
    this.#timeoutMs = timeoutMs;
    this.#foreign = foreign;
  }

  /** @throws Error when the server listens already, or the path is taken or not below `/api/v1`: a bug of the plug-in. */
  add(route: HttpRoute): void {
    const { method, path } = route;
    if (!this.#isOpen) throw new Error(`${method} ${path} is added after the API has started`);
    if (this.#taken.has(`${method} ${path}`))
      throw new Error(`two sources claim ${method} ${path}; only one of them can`);
    this.#taken.add(`${method} ${path}`);
    const handler = (request: FastifyRequest, reply: FastifyReply) => this.#handle(route, request, reply);
    if (!route.foreign) {
      if (!pathPattern.test(path))
        throw new Error(`${path} is no path of a plug-in; expected /api/v1/NAME/:parameter/…`);
      this.#app.route({ method, url: path, handler });
      return;
    }
    const name = foreignPattern.exec(path)?.[1];
    if (name === undefined || ownNames.has(name)) throw new Error(`${path} is no path of another registry's interface`);
    this.#foreign.add(name);
    const preParsing = (request: FastifyRequest, _reply: FastifyReply, body: RequestPayload) => unpacked(request, body);
    this.#app.route({ method, url: path, handler, preParsing });
  }

  /** From now on no route can be added. */
  close(): void {
    this.#isOpen = false;
  }

  /** Ends what is in hand. */
  stop(): void {
    for (const controller of this.#running) controller.abort(new HttpProblem(503, 'Service Unavailable', 'stopping'));
  }

  async #handle(route: HttpRoute, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // A POST without a body is the one write that another site's page can send unasked.
    if (route.method === 'POST' && !isJson(request.headers['content-type'])) {
      throw new HttpProblem(415, 'Unsupported Media Type', 'send the header Content-Type: application/json');
    }
    const controller = new AbortController();
    this.#running.add(controller);
    const abort = (reason: HttpProblem) => () => controller.abort(reason);
    const gone = abort(new HttpProblem(400, 'Bad Request', 'the caller is gone'));
    const timer = setTimeout(abort(new HttpProblem(503, 'Service Unavailable', 'it took too long')), this.#timeoutMs);
    request.raw.once('error', gone);
    reply.raw.once('close', gone);
    try {
      const { status, body, json } = await race(controller.signal, async () =>
        route.handle({
          params: Object.assign(Object.create(null) as Record<string, string>, request.params),
          query: toQuery(request.query),
          body: request.body ?? undefined,
          accept: request.headers.accept ?? '',
          signal: controller.signal,
        }),
      );
      void reply.code(status);
      if (json === undefined && body === undefined) return reply.send();
      return reply.type('application/json').send(json ?? JSON.stringify(body));
    } finally {
      clearTimeout(timer);
      request.raw.off('error', gone);
      reply.raw.off('close', gone);
      this.#running.delete(controller);
    }
  }
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

/** The result of `run`, or the signal's reason when that comes first. */
async function race<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([run(), aborted]);
}
