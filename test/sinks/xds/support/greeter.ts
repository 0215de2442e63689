import {
  type ChannelOptions,
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';

const bytes = (message: Buffer): Buffer => message;

/** A gRPC service whose messages are plain bytes: `isthmus.test.Greeter/Greet`. */
const greeter = {
  greet: {
    path: '/isthmus.test.Greeter/Greet',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} as const satisfies ServiceDefinition;

export interface GreeterBackend {
  readonly port: number;
  readonly calls: number;
  /** Answers what is open, takes nothing new, and ends. */
  close(): Promise<void>;
}

/** Answers `<name> greets <request>`. */
export async function startGreeter(name: string): Promise<GreeterBackend> {
  let calls = 0;
  const server = new Server();
  server.addService(greeter, {
    greet: (call: { request: Buffer }, answer: (error: null, response: Buffer) => void) => {
      calls++;
      answer(null, Buffer.from(`${name} greets ${call.request.toString()}`));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    get calls() {
      return calls;
    },
    close: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
  };
}

export interface GreeterClient {
  greet(who: string): Promise<string>;
  close(): void;
}

/** Calls it at a target of gRPC's, as `127.0.0.1:80` or `xds:///greeter.legacy`. */
export function greeterClient(target: string, options: ChannelOptions = {}): GreeterClient {
  const client = new Client(target, credentials.createInsecure(), options);
  return {
    greet: (who) =>
      new Promise((resolve, reject) => {
        const { path } = greeter.greet;
        const deadline = Date.now() + 5000;
        client.makeUnaryRequest<Buffer, Buffer>(
          path,
          bytes,
          bytes,
          Buffer.from(who),
          { deadline },
          (error, response) => (error ? reject(error) : resolve(response?.toString() ?? '')),
        );
      }),
    close: () => client.close(),
  };
}
