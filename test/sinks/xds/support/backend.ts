import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Instance } from '../../../../core/model/index.js';
import { anInstance } from '../../../support/model.js';

/** A small HTTP server that says its name and what was asked; a real instance for a gateway. */
export interface Backend {
  readonly name: string;
  readonly port: number;
  /** Requests answered. */
  readonly requests: number;
  /** The instance that stands for it in a catalog. */
  instance(overrides?: Partial<Instance>): Instance;
  /** Ends it with what is open, as a stopped process does. */
  close(): Promise<void>;
}

export async function startBackend(name: string, answerMs = 0): Promise<Backend> {
  let requests = 0;
  const server: Server = createServer((request, response) => {
    requests++;
    const answer = () => response.end(`${name} ${request.method} ${request.url}`);
    if (answerMs === 0) answer();
    else setTimeout(answer, answerMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    name,
    port,
    get requests() {
      return requests;
    },
    instance: (overrides = {}) => anInstance(name, { address: '127.0.0.1', ports: { http: port }, ...overrides }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
