import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** The least of a Kubernetes API by which istiod starts. */
export interface KubeStub {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves a cluster with nothing in it, on a loopback port: every collection is empty, every watch stays silent, every
 * object asked for by name is absent, and what is written is echoed and forgotten.
 */
export async function startKubeStub(port: number): Promise<KubeStub> {
  const server: Server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const JSON_TYPE = 'application/json';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://stub');
  const body = await readBody(request);
  const target = parsePath(url.pathname);
  if (target === 'version') return sendJson(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0' });
  if (target === 'groups') return sendJson(response, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: [] });
  if (target === undefined) return sendJson(response, 404, failure(404, 'NotFound'));
  if (request.method === 'GET') {
    if (target.name !== undefined) return sendJson(response, 404, failure(404, 'NotFound'));
    if (!url.searchParams.has('watch')) return sendJson(response, 200, emptyList(target, request.headers.accept));
    return watch(url, response);
  }
  if (request.method === 'DELETE')
    return sendJson(response, 200, { kind: 'Status', apiVersion: 'v1', status: 'Success' });
  // Echoed in the client's own encoding, which may be protobuf.
  const status = request.method === 'POST' ? 201 : 200;
  response.writeHead(status, { 'content-type': request.headers['content-type'] ?? JSON_TYPE }).end(body);
}

interface ApiTarget {
  /** `v1` or `group/version` */
  readonly apiVersion: string;
  readonly resource: string;
  readonly name: string | undefined;
}

/** Reads `/api/v1/...` and `/apis/group/version/...`, with or without a namespace. */
function parsePath(path: string): ApiTarget | 'version' | 'groups' | undefined {
  const [prefix, ...parts] = path.split('/').filter(Boolean);
  if (prefix === 'version') return 'version';
  if (prefix !== 'api' && prefix !== 'apis') return undefined;
  const depth = prefix === 'api' ? 1 : 2;
  const apiVersion = parts.slice(0, depth).join('/');
  const rest = parts.slice(depth);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource, name] = namespaced ? rest.slice(2) : rest;
  return resource === undefined ? 'groups' : { apiVersion, resource, name };
}

/** A client of typed objects refuses a list of the wrong kind, except in the core group. */
const KINDS: Readonly<Record<string, string>> = {
  daemonsets: 'DaemonSet',
  deployments: 'Deployment',
  endpointslices: 'EndpointSlice',
  horizontalpodautoscalers: 'HorizontalPodAutoscaler',
  ingressclasses: 'IngressClass',
  ingresses: 'Ingress',
  jobs: 'Job',
  leases: 'Lease',
  mutatingwebhookconfigurations: 'MutatingWebhookConfiguration',
  poddisruptionbudgets: 'PodDisruptionBudget',
  statefulsets: 'StatefulSet',
  validatingwebhookconfigurations: 'ValidatingWebhookConfiguration',
};

function emptyList({ apiVersion, resource }: ApiTarget, accept: string | undefined) {
  const metadata = { resourceVersion: '1' };
  if (accept?.includes('as=PartialObjectMetadataList')) {
    return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: [] };
  }
  return { kind: `${KINDS[resource] ?? ''}List`, apiVersion, metadata, items: [] };
}

function watch(url: URL, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': JSON_TYPE });
  if (url.searchParams.get('sendInitialEvents') === 'true') {
    // Refused, so that the client lists first and watches then.
    response.end(JSON.stringify({ type: 'ERROR', object: failure(400, 'BadRequest') }));
    return;
  }
  response.flushHeaders();
}

function failure(code: number, reason: string) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, code, message: reason };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': JSON_TYPE }).end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
