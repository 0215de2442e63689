import { ZookeeperError } from './zookeeper-error.js';

const prefixBytes = 4;
/** No answer is that long, and text in the place of a length (as of an HTTP server) always is. */
const absurdBytes = 0x2000_0000;
/** Length prefix, xid, zxid and error code: what is kept of a frame that is too long. */
const replyHeadBytes = 20;

/** Called with each frame, its length prefix included; `truncated`: only the head of it, the rest was too long. */
export type FrameHandler = (frame: Buffer, truncated: boolean) => void;

/**
 * Cuts a ZooKeeper byte stream into frames (4 bytes length, big endian, then the record). A frame longer than the bound
 * is skipped but for its head, so that one oversized answer costs its own request and no other.
 */
export class FrameSplitter {
  readonly #maxFrameBytes: number;
  readonly #onFrame: FrameHandler;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixFilled = 0;
  #frame: Buffer | undefined;
  #filled = 0;
  /** Bytes of the present frame that are thrown away after `#frame` is full. */
  #excess = 0;

  constructor(maxFrameBytes: number, onFrame: FrameHandler) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** @throws ZookeeperError PROTOCOL for a length that is none; whatever the handler throws. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#frame === undefined ? this.#start(rest) : this.#fill(this.#frame, rest);
    }
  }

  #start(bytes: Buffer): Buffer {
    if (this.#prefixFilled === 0 && bytes.length >= prefixBytes) {
      const end = prefixBytes + frameSize(bytes);
      if (end <= bytes.length && end <= this.#maxFrameBytes) {
        this.#onFrame(bytes.subarray(0, end), false);
        return bytes.subarray(end);
      }
    }
    const taken = bytes.copy(this.#prefix, this.#prefixFilled);
    this.#prefixFilled += taken;
    if (this.#prefixFilled === prefixBytes) this.#allocate(prefixBytes + frameSize(this.#prefix));
    return bytes.subarray(taken);
  }

  #allocate(frameBytes: number): void {
    const kept = frameBytes > this.#maxFrameBytes ? Math.min(frameBytes, replyHeadBytes) : frameBytes;
    const frame = Buffer.allocUnsafe(kept);
    this.#prefix.copy(frame);
    this.#prefixFilled = 0;
    this.#frame = frame;
    this.#filled = prefixBytes;
    this.#excess = frameBytes - kept;
  }

  #fill(frame: Buffer, bytes: Buffer): Buffer {
    const taken = bytes.copy(frame, this.#filled);
    this.#filled += taken;
    if (this.#filled < frame.length) return bytes.subarray(taken);
    const skipped = Math.min(this.#excess, bytes.length - taken);
    this.#excess -= skipped;
    if (this.#excess === 0) {
      const truncated = frame.readInt32BE(0) + prefixBytes > frame.length;
      this.#frame = undefined;
      this.#onFrame(frame, truncated);
    }
    return bytes.subarray(taken + skipped);
  }
}

function frameSize(prefix: Buffer): number {
  const size = prefix.readInt32BE(0);
  if (size <= 0 || size >= absurdBytes)
    throw new ZookeeperError('PROTOCOL', `the server sent a frame of ${size} bytes`);
  return size;
}
