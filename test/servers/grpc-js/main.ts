import { createServer } from 'node:http';
import { Client, credentials } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';

/**
 * A client of @grpc/grpc-js that reads xDS itself (proxyless gRPC), for tests: it calls isthmus.test.Greeter/Greet, whose
 * messages are plain bytes, at the target that a test names over HTTP.
 *
 *   tsx test/servers/grpc-js/main.ts 8080        (with GRPC_XDS_BOOTSTRAP set)
 *
 * GET /greet?target=xds:///HOST&who=you answers with what the server said, or 502 and the error.
 */
register();

const bytes = (message: Buffer): Buffer => message;
const clients = new Map<string, Client>();

function greet(target: string, who: string): Promise<Buffer> {
  const client = clients.get(target) ?? new Client(target, credentials.createInsecure());
  clients.set(target, client);
  const options = { deadline: Date.now() + 5000 };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Buffer, Buffer>(
      '/isthmus.test.Greeter/Greet',
      bytes,
      bytes,
      Buffer.from(who),
      options,
      (error, answer) => (error ? reject(error) : resolve(answer ?? Buffer.alloc(0))),
    );
  });
}

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  if (pathname === '/ready') {
    response.end();
    return;
  }
  greet(searchParams.get('target') ?? '', searchParams.get('who') ?? '').then(
    (answer) => response.end(answer),
    (error: Error) => response.writeHead(502).end(error.message),
  );
}).listen(Number(process.argv[2]), '127.0.0.1');
