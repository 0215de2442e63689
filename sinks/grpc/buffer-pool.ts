/** Bytes that are lent: they stay as they are until `release` is called, once; more calls do nothing. */
export interface Lease {
  readonly bytes: Buffer;
  release(): void;
}

/** Bytes that nobody takes back. */
export function lease(bytes: Buffer): Lease {
  return { bytes, release: () => undefined };
}

/**
 * Large buffers that are used again. Each response of the whole state is megabytes outside the heap; when they are
 * allocated anew for each change, the collector marks the whole catalog every time to free them, which costs several
 * times what the response itself does.
 */
export class BufferPool {
  readonly #spares: Buffer[] = [];
  static readonly #maxSpares = 2;

  /** A buffer of exactly `length` bytes, of whatever content. */
  take(length: number): PooledBuffer {
    const index = this.#spares.findIndex((spare) => spare.length >= length && spare.length <= length * 2);
    // A little more than asked: the next state is about as long.
    const whole = index < 0 ? Buffer.allocUnsafeSlow(length + (length >> 4)) : this.#spares.splice(index, 1)[0];
    return new PooledBuffer(whole ?? Buffer.allocUnsafeSlow(length), length, (buffer) => this.#give(buffer));
  }

  #give(buffer: Buffer): void {
    this.#spares.push(buffer);
    if (this.#spares.length > BufferPool.#maxSpares) this.#spares.shift();
  }
}

/** A buffer of the pool: it goes back when its owner has retired it and every lease is released. */
export class PooledBuffer {
  readonly bytes: Buffer;
  readonly #whole: Buffer;
  readonly #giveBack: (whole: Buffer) => void;
  #leases = 0;
  #state: 'owned' | 'retired' | 'returned' = 'owned';

  constructor(whole: Buffer, length: number, giveBack: (whole: Buffer) => void) {
    this.bytes = whole.subarray(0, length);
    this.#whole = whole;
    this.#giveBack = giveBack;
  }

  lease(): Lease {
    let held = true;
    this.#leases++;
    return {
      bytes: this.bytes,
      release: () => {
        if (!held) return;
        held = false;
        this.#leases--;
        this.#returnIfFree();
      },
    };
  }

  /** The owner reads the bytes no more, and lends them to nobody. */
  retire(): void {
    if (this.#state === 'owned') this.#state = 'retired';
    this.#returnIfFree();
  }

  #returnIfFree(): void {
    if (this.#state !== 'retired' || this.#leases > 0) return;
    this.#state = 'returned';
    this.#giveBack(this.#whole);
  }
}
