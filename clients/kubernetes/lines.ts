import { KubernetesError } from './kubernetes-error.js';

const lineFeed = 0x0a;

/**
 * The lines of a stream, a batch for each piece that it came in, without empty ones. What follows the last line feed is
 * given out at the end of the stream.
 * @throws KubernetesError `malformed` for a line of more than `maxBytes`
 */
export async function* splitLines(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<readonly Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const piece of stream) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      const rest = chunk.subarray(start, end);
      const line = begunBytes === 0 ? rest : Buffer.concat([...begun, rest]);
      if (line.length > 0) lines.push(line);
      begun = [];
      begunBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      begun.push(chunk.subarray(start));
      begunBytes += chunk.length - start;
      if (begunBytes > maxBytes) throw new KubernetesError('malformed', `a line of more than ${maxBytes} bytes`);
    }
    if (lines.length > 0) yield lines;
  }
  if (begunBytes > 0) yield [Buffer.concat(begun)];
}
