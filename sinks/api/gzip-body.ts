import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyRequest, RequestPayload } from 'fastify';
import { HttpProblem } from '../../core/plugin/index.js';
import { bodyLimitBytes } from './json-body.js';

const unzip = promisify(gunzip);

/**
 * The body as it is to be parsed, unpacked where the client has packed it. Neither form may be larger than any body.
 * @throws HttpProblem 400, 413 or 415
 */
export async function unpacked(request: FastifyRequest, body: RequestPayload): Promise<RequestPayload> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return body;
  if (encoding !== 'gzip') {
    throw new HttpProblem(415, 'Unsupported Media Type', 'a body may be sent as it is, or with Content-Encoding: gzip');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyLimitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  const bytes = await unzip(Buffer.concat(chunks), { maxOutputLength: bodyLimitBytes }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new HttpProblem(400, 'Bad Request', 'the body is not gzip');
  });
  // The length that came over the wire: the server compares it with the Content-Length header.
  return Object.assign(Readable.from(bytes.length > 0 ? [bytes] : []), { receivedEncodedLength: length });
}

function tooLarge(): HttpProblem {
  return new HttpProblem(413, 'Content Too Large', `a body has at most ${bodyLimitBytes} bytes, unpacked`);
}
