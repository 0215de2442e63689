import type { XdsResource } from './xds-resource.js';

/** A response of either form, before it is bytes. */
export interface ResponseContent {
  readonly version: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly XdsResource[];
  /** Names; of the delta form only. */
  readonly removed: readonly string[];
}

const lengthDelimited = 2;
const tag = (field: number) => (field << 3) | lengthDelimited;
/** Fields of DiscoveryResponse and of DeltaDiscoveryResponse that have the same number in both. */
const versionTag = tag(1);
const resourcesTag = tag(2);
const typeUrlTag = tag(4);
const nonceTag = tag(5);
const removedResourcesTag = tag(6);
/** Fields of Resource. */
const resourceVersionTag = tag(1);
const resourceAnyTag = tag(2);
const resourceNameTag = tag(3);

/** A DiscoveryResponse: its resources' bytes are copied once, from where they are kept into the response. */
export function encodeDiscoveryResponse({ version, typeUrl, nonce, resources }: ResponseContent): Buffer {
  let length = textLength(version) + textLength(typeUrl) + textLength(nonce);
  for (const { any } of resources) length += bytesLength(any.length);
  const writer = new Writer(length);
  writer.text(versionTag, version);
  for (const { any } of resources) writer.bytes(resourcesTag, any);
  writer.text(typeUrlTag, typeUrl);
  writer.text(nonceTag, nonce);
  return writer.finish();
}

/** A DeltaDiscoveryResponse, in the same way. */
export function encodeDeltaDiscoveryResponse(content: ResponseContent): Buffer {
  const { version, typeUrl, nonce, resources, removed } = content;
  let length = textLength(version) + textLength(typeUrl) + textLength(nonce);
  for (const resource of resources) length += bytesLength(resourceLength(resource));
  for (const name of removed) length += textLength(name);
  const writer = new Writer(length);
  writer.text(versionTag, version);
  for (const resource of resources) {
    writer.head(resourcesTag, resourceLength(resource));
    writer.text(resourceVersionTag, resource.version);
    writer.bytes(resourceAnyTag, resource.any);
    writer.text(resourceNameTag, resource.name);
  }
  writer.text(typeUrlTag, typeUrl);
  writer.text(nonceTag, nonce);
  for (const name of removed) writer.text(removedResourcesTag, name);
  return writer.finish();
}

function resourceLength({ version, any, name }: XdsResource): number {
  return textLength(version) + bytesLength(any.length) + textLength(name);
}

function textLength(text: string): number {
  return bytesLength(Buffer.byteLength(text));
}

/** Of a field of a number below 16: its tag is one byte. */
function bytesLength(length: number): number {
  return 1 + varintLength(length) + length;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes length-delimited fields one after the other into a buffer of the length they take. */
class Writer {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(length: number) {
    this.#buffer = Buffer.allocUnsafeSlow(length);
  }

  head(fieldTag: number, length: number): void {
    this.#buffer[this.#offset++] = fieldTag;
    let rest = length;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#buffer[this.#offset++] = (rest % 128) | 128;
    this.#buffer[this.#offset++] = rest;
  }

  bytes(fieldTag: number, bytes: Buffer): void {
    this.head(fieldTag, bytes.length);
    this.#buffer.set(bytes, this.#offset);
    this.#offset += bytes.length;
  }

  text(fieldTag: number, text: string): void {
    this.head(fieldTag, Buffer.byteLength(text));
    this.#offset += this.#buffer.write(text, this.#offset);
  }

  finish(): Buffer {
    if (this.#offset !== this.#buffer.length) throw new Error('the length of a response was foretold wrongly');
    return this.#buffer;
  }
}
