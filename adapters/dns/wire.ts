import { SocketAddress } from 'node:net';

/** Bytes that are no DNS message (RFC 1035), or none that could be an answer. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

const typeNumbers = { A: 1, NS: 2, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33 } as const;
export type QueryType = 'A' | 'AAAA' | 'SRV';

interface Common {
  /** Lower case, with no final dot. */
  readonly name: string;
  readonly ttlSeconds: number;
}

export type DnsRecord =
  | (Common & { readonly type: 'A' | 'AAAA'; readonly address: string })
  | (Common & { readonly type: 'CNAME'; readonly target: string })
  | (Common & { readonly type: 'SRV' } & SrvData);

export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** Empty: the service is decidedly not there (RFC 2782). */
  readonly target: string;
}

export interface DnsMessage {
  readonly id: number;
  readonly isAnswer: boolean;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  /** 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly code: number;
  readonly question: { readonly name: string; readonly type: number } | undefined;
  /** Of the answer section, those of the types known here. */
  readonly records: readonly DnsRecord[];
  /** How long "there is nothing" holds (RFC 2308), when the message says so. */
  readonly negativeTtlSeconds: number | undefined;
  /** The authority section points to other servers: this one does not resolve names. */
  readonly isReferral: boolean;
}

const headerLength = 12;
const maxNameLength = 255;
/** What a UDP answer may have without being split on its way (DNS flag day 2020). */
const udpPayload = 1232;

/** A query with recursion desired and an EDNS record that allows answers of {@link udpPayload} bytes. */
export function encodeQuery(id: number, name: string, type: QueryType): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'));
  const header = Buffer.from([id >> 8, id & 0xff, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
  const question = labels.flatMap((label) => [Buffer.from([label.length]), label]);
  const end = Buffer.from([0, 0, typeNumbers[type], 0, 1]);
  const edns = Buffer.from([0, 0, 41, udpPayload >> 8, udpPayload & 0xff, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...question, end, edns]);
}

export function typeNumber(type: QueryType): number {
  return typeNumbers[type];
}

/** @throws WireError; takes any bytes, in time and memory that grow with their number */
export function decodeMessage(bytes: Buffer): DnsMessage {
  if (bytes.length < headerLength) throw new WireError('the message is shorter than its header');
  const flags = bytes.readUInt16BE(2);
  const reader = new Reader(bytes, headerLength);
  const question = decodeQuestions(reader, bytes.readUInt16BE(4));
  const isTruncated = (flags & 0x0200) !== 0;
  const records: DnsRecord[] = [];
  let negativeTtlSeconds: number | undefined;
  let hasServers = false;
  // A message that was cut is asked for anew, and its end may be anywhere.
  if (!isTruncated) {
    for (let left = bytes.readUInt16BE(6); left > 0; left--) {
      const record = decodeRecord(reader);
      if (record.kind === 'record') records.push(record.record);
    }
    for (let left = bytes.readUInt16BE(8); left > 0; left--) {
      const record = decodeRecord(reader);
      if (record.kind === 'authority') negativeTtlSeconds = record.negativeTtlSeconds;
      hasServers ||= record.kind === 'servers';
    }
  }
  const isAuthoritative = (flags & 0x0400) !== 0;
  return {
    id: bytes.readUInt16BE(0),
    isAnswer: (flags & 0x8000) !== 0,
    isAuthoritative,
    isTruncated,
    code: flags & 0x000f,
    question,
    records,
    negativeTtlSeconds,
    isReferral: hasServers && negativeTtlSeconds === undefined && records.length === 0 && !isAuthoritative,
  };
}

function decodeQuestions(reader: Reader, count: number): DnsMessage['question'] {
  if (count > 1) throw new WireError('the message has several questions');
  if (count === 0) return undefined;
  const name = reader.name();
  const type = reader.uint16();
  reader.skip(2);
  return { name, type };
}

type Decoded =
  | { readonly kind: 'record'; readonly record: DnsRecord }
  | { readonly kind: 'authority'; readonly negativeTtlSeconds: number }
  | { readonly kind: 'servers' }
  | { readonly kind: 'other' };

function decodeRecord(reader: Reader): Decoded {
  const name = reader.name();
  const type = reader.uint16();
  const dnsClass = reader.uint16();
  const seconds = reader.uint32();
  // RFC 2181, 8: a TTL with its highest bit set is one of zero.
  const ttlSeconds = seconds > 0x7fffffff ? 0 : seconds;
  const length = reader.uint16();
  const data = reader.part(length);
  if (dnsClass !== 1) return { kind: 'other' };
  const record = decodeData(name, ttlSeconds, type, data, length);
  if (record) return { kind: 'record', record };
  if (type === typeNumbers.NS) return { kind: 'servers' };
  if (type !== typeNumbers.SOA) return { kind: 'other' };
  data.name();
  data.name();
  data.skip(16);
  return { kind: 'authority', negativeTtlSeconds: Math.min(ttlSeconds, data.uint32()) };
}

function decodeData(
  name: string,
  ttlSeconds: number,
  type: number,
  data: Reader,
  length: number,
): DnsRecord | undefined {
  switch (type) {
    case typeNumbers.A:
      if (length !== 4) throw new WireError('an A record has not 4 bytes');
      return { type: 'A', name, ttlSeconds, address: [...data.bytes(4)].join('.') };
    case typeNumbers.AAAA:
      if (length !== 16) throw new WireError('an AAAA record has not 16 bytes');
      return { type: 'AAAA', name, ttlSeconds, address: ipv6(data.bytes(16)) };
    case typeNumbers.CNAME:
      return { type: 'CNAME', name, ttlSeconds, target: data.name() };
    case typeNumbers.SRV: {
      const [priority, weight, port] = [data.uint16(), data.uint16(), data.uint16()];
      return { type: 'SRV', name, ttlSeconds, priority, weight, port, target: data.name() };
    }
    default:
      return undefined;
  }
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Reads forward within a part of the message; names may point back into the whole. */
class Reader {
  readonly #message: Buffer;
  readonly #end: number;
  #at: number;

  constructor(message: Buffer, at: number, end = message.length) {
    this.#message = message;
    this.#at = at;
    this.#end = end;
  }

  uint16(): number {
    return this.bytes(2).readUInt16BE(0);
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE(0);
  }

  skip(length: number): void {
    this.bytes(length);
  }

  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#end) throw new WireError('the message is cut off');
    const bytes = this.#message.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** A reader of the next `length` bytes, which are passed over here. */
  part(length: number): Reader {
    const start = this.#at;
    this.skip(length);
    return new Reader(this.#message, start, this.#at);
  }

  /** Each pointer leads further back than the one before, and a name has 255 bytes at most, so that this ends. */
  name(): string {
    const labels: string[] = [];
    let length = 1;
    let lowest = this.#at;
    let at = this.#at;
    let isHere = true;
    const byteAt = (offset: number): number => {
      const byte = offset < (isHere ? this.#end : this.#message.length) ? this.#message[offset] : undefined;
      if (byte === undefined) throw new WireError('a name is cut off');
      return byte;
    };
    for (;;) {
      const byte = byteAt(at);
      if (byte >= 0xc0) {
        const target = ((byte & 0x3f) << 8) | byteAt(at + 1);
        if (isHere) this.#at = at + 2;
        if (target >= lowest) throw new WireError('a name does not point back');
        isHere = false;
        lowest = target;
        at = target;
        continue;
      }
      if (byte > 63) throw new WireError('a label is of an unknown kind');
      at++;
      if (byte === 0) break;
      length += byte + 1;
      if (length > maxNameLength) throw new WireError('a name is too long');
      byteAt(at + byte - 1);
      labels.push(labelText(this.#message.subarray(at, at + byte)));
      at += byte;
    }
    if (isHere) this.#at = at;
    return labels.join('.');
  }
}

/** What is no letter, digit, dash or underscore is escaped as in zone files, so that no two names look alike. */
function labelText(bytes: Buffer): string {
  const text = bytes.toString('latin1').toLowerCase();
  return text.replace(/[^a-z0-9_-]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`);
}
