import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its key, PEM; the key in PKCS #8. */
export interface TestPair {
  readonly cert: string;
  readonly key: string;
}

export interface TestNames {
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** IPv4. */
  readonly ips?: readonly string[];
}

/** DER of one value: tag, length, content (X.690 8.1). */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);
const octets = (content: Uint8Array) => der(0x04, content);
const bits = (content: Uint8Array) => der(0x03, Buffer.from([0]), content);
const isTrue = der(0x01, Buffer.from([255]));
const time = (date: Date) => der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = rest.flatMap((part) => {
    const groups = [part & 127];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 127) | 128);
    return groups;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]));
}

const name = (text: string) => sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(text)))));
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [isTrue] : []), octets(value));
}

function subjectAltNames({ dns = [], uris = [], ips = [] }: TestNames): Buffer[] {
  const entries = [
    ...dns.map((text) => der(0x82, Buffer.from(text))),
    ...uris.map((text) => der(0x86, Buffer.from(text))),
    ...ips.map((text) => der(0x87, Buffer.from(text.split('.').map(Number)))),
  ];
  return entries.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...entries))];
}

/** Signs certificates for tests, with no tool and no file: X.509 v3 by RFC 5280, P-256. */
export class TestAuthority {
  readonly #name: string;
  readonly #key: KeyObject;
  readonly cert: string;

  constructor(commonName = 'test authority') {
    this.#name = commonName;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    this.cert = this.#sign(commonName, createPublicKey(privateKey), [
      extension('2.5.29.19', true, sequence(isTrue)),
      extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0b0000_0110]))),
    ]);
  }

  /** A certificate for servers and clients, good since yesterday and for ten days. */
  issue(names: TestNames, commonName = 'test'): TestPair {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const usage = sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'));
    const extensions = [...subjectAltNames(names), extension('2.5.29.37', false, usage)];
    return {
      cert: this.#sign(commonName, publicKey, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  #sign(commonName: string, publicKey: KeyObject, extensions: readonly Buffer[]): string {
    const dayMs = 86_400_000;
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      ecdsaWithSha256,
      name(this.#name),
      sequence(time(new Date(Date.now() - dayMs)), time(new Date(Date.now() + 10 * dayMs))),
      name(commonName),
      publicKey.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const certificate = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, this.#key)));
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}
