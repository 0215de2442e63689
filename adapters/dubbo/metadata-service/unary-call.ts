import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { printable } from '../../../core/plugin/index.js';
import { MetadataError } from '../metadata-info.js';
import { redacted } from '../secrets.js';

export interface UnaryCall {
  /** `host:port`, IPv6 in brackets. */
  readonly authority: string;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly request: Buffer;
  /** Longest answer, bytes. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const prefixLength = 5;
const windowBytes = 1_048_576;

/**
 * One gRPC call (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md) over a connection of its own, in plain text, which is closed
 * whatever comes of it. Not by @grpc/grpc-js: a client of that is closed without its connection when the peer takes the
 * connection and says nothing, as a provider that hangs does, or a port of another protocol.
 * @returns the message that came back
 * @throws MetadataError, or the signal's reason
 */
export function unaryCall({ authority, path, headers, request, maxBytes, signal }: UnaryCall): Promise<Buffer> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const session = connect(`http://${authority}`, {
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      session.destroy();
      settle();
    };
    const fail = (message: string) => finish(() => reject(new MetadataError(message)));
    const onAbort = () => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    session.on('error', (error) => fail(`no connection: ${error.message}`));
    session.on('close', () => fail('the provider closed the connection'));

    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      'grpc-accept-encoding': 'identity',
      ...headers,
    });
    const answer = new Answer(maxBytes);
    // Also what becomes of a stream whose session never connected.
    stream.on('error', (error) => fail(`${session.connecting ? 'no connection' : 'no answer'}: ${error.message}`));
    stream.on('response', (said) => answer.onHeaders(said));
    stream.on('trailers', (said) => answer.onHeaders(said));
    stream.on('data', (chunk: Buffer) => {
      if (!answer.push(chunk)) fail(`the metadata are longer than ${maxBytes} bytes`);
    });
    stream.on('close', () => {
      try {
        const message = answer.message();
        finish(() => resolve(message));
      } catch (error) {
        finish(() => reject(error));
      }
    });
    stream.end(framed(request));
  });
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixLength);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

class Answer {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #httpStatus = 0;
  #status: string | undefined;
  #text = '';

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Also the trailers, which have the status but when nothing else was said. */
  onHeaders(headers: IncomingHttpHeaders): void {
    this.#httpStatus = Number(headers[constants.HTTP2_HEADER_STATUS] ?? this.#httpStatus);
    const code = headers['grpc-status'];
    if (typeof code === 'string') this.#status = code;
    const text = headers['grpc-message'];
    if (typeof text === 'string') this.#text = text;
  }

  /** @returns whether it is not too long by now */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this.#length <= this.#maxBytes + prefixLength;
  }

  /** @throws MetadataError for an answer that is none, or says why there is none */
  message(): Buffer {
    if (this.#httpStatus !== 0 && this.#httpStatus !== 200) {
      throw new MetadataError(`the MetadataService answered HTTP ${this.#httpStatus}`);
    }
    if (this.#status === undefined) throw new MetadataError('the provider ended the call without a status');
    if (this.#status !== '0') {
      const name = status[Number(this.#status)] ?? 'UNKNOWN';
      throw new MetadataError(`the MetadataService answered ${name}: ${printable(redacted(decoded(this.#text)))}`);
    }
    const whole = Buffer.concat(this.#chunks);
    const isWhole = whole.length >= prefixLength && whole.readUInt32BE(1) === whole.length - prefixLength;
    if (!isWhole || whole[0] !== 0) throw new MetadataError('the MetadataService answered no single message');
    return whole.subarray(prefixLength);
  }
}

/** `grpc-message` is percent-encoded. */
function decoded(text: string): string {
  const short = text.slice(0, 500);
  try {
    return decodeURIComponent(short);
  } catch {
    return short; // malformed, or cut within an escape
  }
}
