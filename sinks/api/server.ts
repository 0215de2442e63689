import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { formatHostPort, type HostPort, HttpProblem, type HttpRoutes } from '../../core/plugin/index.js';
import { ApiMetrics } from './api-metrics.js';
import type { ApiServerOptions } from './api-options.js';
import { historyRoutes } from './history-routes.js';
import { bodyLimitBytes, parseJsonBody } from './json-body.js';
import { PastCatalog } from './past-catalog.js';
import { PluginRoutes } from './plugin-routes.js';
import { problemOf, problemType, toProblem } from './problem.js';
import { createRequestGuard, isLoopback } from './request-guard.js';
import { addRoutes } from './routes.js';
import { Watchers } from './watchers.js';

/** The REST API: health, metrics, what the daemon knows, and what plug-ins add. */
export interface ApiServer {
  /** Takes routes until {@link start}. */
  readonly routes: HttpRoutes;
  /** @returns where it listens, `HOST:PORT`. @throws Error that names the address, as when another process has it. */
  start(): Promise<{ readonly address: string }>;
  /** Ends watches, lets requests in hand come to their end for a moment, and closes all connections. */
  stop(): Promise<void>;
}

const maxHeaderBytes = 16 * 1024;
/** Longest host (253) or registry's name in a path, escaped. */
const maxParameterLength = 1024;
const stopGraceMs = 2000;

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { listen, logger } = options;
  const metrics = new ApiMetrics(options.metrics);
  const app = createApp(options);
  const watchers = new Watchers(options.maxWatchers ?? 100, metrics.watchers);
  const foreign = new Set<string>();
  const routes = new PluginRoutes(app, options.handlerTimeoutMs ?? 30_000, foreign);
  addGuard(app, options, foreign);
  addErrors(app, logger);
  addJsonBodies(app);
  app.addHook('onResponse', async (request, reply) => {
    metrics.answered(request.method, request.routeOptions.url, reply.statusCode, reply.elapsedTime);
  });
  const past = new PastCatalog(options.history, options.handlerTimeoutMs ?? 30_000);
  addRoutes(app, options, watchers, past);
  for (const route of historyRoutes(options.history)) routes.add(route);

  return {
    routes,
    async start() {
      routes.close();
      await app.ready();
      try {
        await app.listen({ host: listen.host, port: listen.port, exclusive: true });
      } catch (error) {
        throw listenError(listen, error);
      }
      const bound = app.server.address();
      const port = typeof bound === 'object' && bound ? bound.port : listen.port;
      const address = formatHostPort({ host: listen.host, port });
      if (!isLoopback(listen.host) && options.token === undefined) {
        logger.warn({ address }, 'the API is open to the network and api.token is not set');
      }
      return { address };
    },
    async stop() {
      watchers.stop();
      past.stop();
      routes.stop();
      const force = setTimeout(() => app.server.closeAllConnections(), stopGraceMs);
      try {
        await app.close();
      } finally {
        clearTimeout(force);
      }
    },
  };
}

function createApp(options: ApiServerOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    requestTimeout: options.requestTimeoutMs ?? 15_000,
    keepAliveTimeout: 30_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: maxParameterLength },
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: options.headersTimeoutMs ?? 5000,
      connectionsCheckingInterval: 1000,
    },
    frameworkErrors: (error, _request, reply) => {
      const problem = problemOf(error);
      void (reply as FastifyReply).code(problem.status).type(problemType).send(problem);
    },
    clientErrorHandler: (error, socket) => {
      const status = clientErrorStatus('code' in error ? error.code : undefined);
      const body = JSON.stringify(toProblem(status));
      const head = `HTTP/1.1 ${status} ${toProblem(status).title}\r\nConnection: close\r\nContent-Type: ${problemType}`;
      if (socket.writable) socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      // A peer that goes on sending would keep it half open.
      socket.destroySoon();
    },
  });
  app.server.maxConnections = options.maxConnections ?? 1024;
  return app;
}

function clientErrorStatus(code: unknown): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  return code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
}

function addGuard(
  app: FastifyInstance,
  { listen, allowedHosts = [], token }: ApiServerOptions,
  basicAuthNames: ReadonlySet<string>,
): void {
  const guard = createRequestGuard({
    basicAuthNames,
    listenHost: listen.host,
    allowedHosts,
    ...(token === undefined ? {} : { token }),
  });
  app.addHook('onRequest', async ({ raw }, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    guard({ method: raw.method ?? '', url: raw.url ?? '', headers: raw.headers });
  });
}

/** The only kind of body: a form of another site's page can't send it without asking first. */
function addJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: FastifyRequest, body: string) =>
    parseJsonBody(body),
  );
}

function addErrors(app: FastifyInstance, logger: Logger): void {
  const logged = new Map<string, number>();
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new HttpProblem(404, 'Not Found', 'no such path')));
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) {
      // Once a minute and route, and there are but so many routes: a caller can't fill the log.
      const route = request.routeOptions.url ?? 'none';
      if (Date.now() - (logged.get(route) ?? 0) >= 60_000) {
        logged.set(route, Date.now());
        logger.error({ err: error, method: request.method, route }, 'request failed');
      }
    }
    return sendProblem(reply, error);
  });
}

function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const problem = problemOf(error);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply.code(problem.status).type(problemType).send(problem);
}

function listenError(listen: HostPort, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the address is in use by another process',
    EADDRNOTAVAIL: 'this machine does not have the address',
    EACCES: 'permission denied',
    ENOTFOUND: 'the host name is not known',
  };
  const reason = reasons[String(code)] ?? (cause instanceof Error ? cause.message : String(cause));
  return new Error(`cannot listen on ${formatHostPort(listen)} (api.listen): ${reason}`, { cause });
}
