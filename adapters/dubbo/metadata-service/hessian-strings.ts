/**
 * Hessian 2 counts a string's length in UTF-16 units and writes each unit as UTF-8 by itself, surrogates as three bytes
 * (hessian-lite, Hessian2Output.printString).
 */

/** Thrown for bytes that are no Hessian 2, or more than the bounds allow. */
export class HessianError extends Error {
  override readonly name = 'HessianError';
}

/** Reads `units` UTF-16 units. @throws HessianError when they are no UTF-8, or end too early */
export function readUnits(bytes: Buffer, start: number, units: number): { text: string; end: number } {
  let end = start;
  let isPlain = true;
  for (let left = units; left > 0; left--) {
    const lead = bytes[end];
    if (lead === undefined) throw new HessianError('a string ends too early');
    if (lead < 0x80) end += 1;
    else if (lead >= 0xc0 && lead < 0xe0) end += 2;
    else if (lead >= 0xe0 && lead < 0xf0) {
      if (lead === 0xed && (bytes[end + 1] ?? 0) >= 0xa0) isPlain = false;
      end += 3;
    } else if (lead >= 0xf0 && lead < 0xf8 && left > 1) {
      end += 4;
      left--;
    } else throw new HessianError('a string is no UTF-8');
  }
  if (end > bytes.length) throw new HessianError('a string ends too early');
  const text = isPlain ? bytes.toString('utf8', start, end) : readSurrogates(bytes, start, end);
  return { text, end };
}

/** Surrogates come as three bytes each, which is no UTF-8 to Node. */
function readSurrogates(bytes: Buffer, start: number, end: number): string {
  const parts: string[] = [];
  let from = start;
  for (let at = start; at < end; ) {
    const isSurrogate = bytes[at] === 0xed && (bytes[at + 1] ?? 0) >= 0xa0;
    if (!isSurrogate) {
      at++;
      continue;
    }
    parts.push(bytes.toString('utf8', from, at));
    parts.push(String.fromCharCode(0xd000 | (((bytes[at + 1] ?? 0) & 0x3f) << 6) | ((bytes[at + 2] ?? 0) & 0x3f)));
    at += 3;
    from = at;
  }
  parts.push(bytes.toString('utf8', from, end));
  return parts.join('');
}

const maxChunk = 0x8000;

/** A string as Hessian 2 writes it. */
export function hessianString(text: string): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (; text.length - at > maxChunk; at += maxChunk) {
    parts.push(Buffer.from([0x52, maxChunk >> 8, maxChunk & 0xff]), writeUnits(text.slice(at, at + maxChunk)));
  }
  const last = text.slice(at);
  const isShort = last.length < 0x20;
  parts.push(Buffer.from(isShort ? [last.length] : [0x53, last.length >> 8, last.length & 0xff]), writeUnits(last));
  return Buffer.concat(parts);
}

function writeUnits(text: string): Buffer {
  if (!/[\ud800-\udfff]/.test(text)) return Buffer.from(text, 'utf8');
  const units = Array.from({ length: text.length }, (_, index) => {
    const unit = text.charCodeAt(index);
    if (unit < 0xd800 || unit > 0xdfff) return Buffer.from(text.charAt(index), 'utf8');
    return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
  });
  return Buffer.concat(units);
}

/** A `java.util.HashMap` of strings, as Hessian 2 writes it. */
export function hessianMap(entries: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(entries).flat().map(hessianString);
  return Buffer.concat([Buffer.from('H'), ...pairs, Buffer.from('Z')]);
}
