/** An answer that is no Eureka listing, is cut off, or is larger than allowed. */
export class ListingError extends Error {
  override readonly name = 'ListingError';
}

export interface SplitterLimits {
  /** Bytes of the whole answer. */
  readonly maxBytes: number;
  /** Bytes of one application. */
  readonly maxApplicationBytes: number;
}

/** What a listing says besides its applications. */
export interface ListingHeader {
  /** `apps__hashcode`: each status with the number of instances in it, sorted, as `DOWN_1_UP_12_`. */
  readonly hash: string;
  /** `versions__delta`: which answer this is, as the server counts the times it made one up. */
  readonly version: string;
}

/** Whether the server made up both at once; its kinds of answers are counted each by itself. */
export function isSameAnswer(a: ListingHeader, b: ListingHeader | undefined): boolean {
  return a.version === b?.version && a.hash === b.hash;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Depth of `{"applications":{"application":[` */
const listDepth = 3;
const outerStart = /"applications"\s*:\s*$/;
const listStart = /"application"\s*:\s*$/;
const maxFrameBytes = 4 * 1024 * 1024;

/**
 * Takes the JSON of `GET /apps` or `/apps/delta` chunk by chunk and gives each application as soon as it is whole. A
 * large listing is thus never in memory as one text or one tree, nor does its parsing keep the event loop busy.
 *
 * The bytes of applications are cut out by counting braces outside of strings, and parsed one by one; what is left, the
 * frame, is parsed at the end. Both must be valid JSON.
 */
export class ApplicationSplitter {
  readonly #limits: SplitterLimits;
  readonly #onApplication: (application: unknown) => void;
  /** What is outside of applications, a character a byte; each application leaves `null`. */
  #frame = '';
  #element: Uint8Array[] = [];
  #elementBytes = 0;
  #bytes = 0;
  #depth = 0;
  #place: 'frame' | 'list' | 'element' = 'frame';
  #inApplications = false;
  #inString = false;
  #escaped = false;

  constructor(limits: SplitterLimits, onApplication: (application: unknown) => void) {
    this.#limits = limits;
    this.#onApplication = onApplication;
  }

  /** Bytes taken so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws ListingError, or what `onApplication` throws */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limits.maxBytes) {
      throw new ListingError(`the answer is larger than ${this.#limits.maxBytes} bytes (maxResponseBytes)`);
    }
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) this.#inString = false;
      } else if (byte === quote) {
        this.#inString = true;
      } else if (byte === openBrace || byte === openBracket) {
        start = this.#open(byte, chunk, start, index);
      } else if (byte === closeBrace || byte === closeBracket) {
        start = this.#close(chunk, start, index);
      }
    }
    this.#keep(chunk.subarray(start));
  }

  /** Call once the answer has ended. @throws ListingError when it is not whole or no listing */
  end(): ListingHeader {
    if (this.#depth !== 0 || this.#inString || this.#place !== 'frame') throw new ListingError('the answer is cut off');
    const frame = parseJson(Buffer.from(this.#frame, 'latin1').toString('utf8'));
    const applications = isObject(frame) ? frame['applications'] : undefined;
    if (!isObject(applications)) throw new ListingError('the answer is no listing of applications');
    const hash = applications['apps__hashcode'];
    if (typeof hash !== 'string') throw new ListingError('the listing has no apps__hashcode');
    const list = applications['application'];
    // Older servers write a list of one as the element itself.
    if (isObject(list) && !Array.isArray(list)) this.#onApplication(list);
    else if (list !== undefined && list !== null && !isEmptied(list))
      throw new ListingError('the listing is no list of applications');
    return { hash, version: String(applications['versions__delta'] ?? '') };
  }

  #open(byte: number, chunk: Uint8Array, start: number, index: number): number {
    let next = start;
    if (this.#place === 'list') {
      if (byte === openBrace && this.#depth === listDepth) {
        this.#keep(chunk.subarray(start, index));
        this.#place = 'element';
        next = index;
      }
    } else if (this.#place === 'frame' && this.#depth < listDepth) {
      this.#keep(chunk.subarray(start, index));
      next = index;
      const before = this.#frame.slice(-64);
      if (this.#depth === 1) this.#inApplications = byte === openBrace && outerStart.test(before);
      const isList = this.#inApplications && byte === openBracket && this.#depth === listDepth - 1;
      if (isList && listStart.test(before)) this.#place = 'list';
    }
    this.#depth++;
    return next;
  }

  #close(chunk: Uint8Array, start: number, index: number): number {
    if (--this.#depth < 0) throw new ListingError('the answer is no valid JSON');
    if (this.#place === 'list' && this.#depth < listDepth) this.#place = 'frame';
    if (this.#place !== 'element' || this.#depth !== listDepth) return start;
    this.#keep(chunk.subarray(start, index + 1));
    const application = parseJson(Buffer.concat(this.#element).toString('utf8'));
    this.#element = [];
    this.#elementBytes = 0;
    this.#place = 'list';
    this.#frame += 'null';
    this.#onApplication(application);
    return index + 1;
  }

  #keep(bytes: Uint8Array): void {
    if (this.#place === 'element') {
      this.#elementBytes += bytes.length;
      if (this.#elementBytes > this.#limits.maxApplicationBytes) {
        throw new ListingError(`an application is larger than ${this.#limits.maxApplicationBytes} bytes`);
      }
      this.#element.push(bytes);
      return;
    }
    if (this.#frame.length + bytes.length > maxFrameBytes) throw new ListingError('the answer is no listing');
    this.#frame += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  }
}

/** @throws ListingError, which quotes nothing */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // The parser's own message quotes the text, which may hold anything.
    throw new ListingError('the answer is no valid JSON', { cause: (error as Error).name });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isEmptied(list: unknown): boolean {
  return Array.isArray(list) && list.every((element) => element === null);
}
