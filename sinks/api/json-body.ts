import { HttpProblem } from '../../core/plugin/index.js';

/** Largest body of a request. */
export const bodyLimitBytes = 1024 * 1024;
const maxDepth = 32;

/** Parses a JSON body; an empty one is undefined. Refuses what is nested deeply, says a key twice, or reaches for a prototype. */
export function parseJsonBody(text: string): unknown {
  if (text.trim() === '') return undefined;
  checkShape(text);
  try {
    return JSON.parse(text, refusePrototypeKeys);
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw bad('the body is not JSON');
  }
}

function refusePrototypeKeys(key: string, value: unknown): unknown {
  if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
    throw bad(`the body has a key ${key}`);
  }
  return value;
}

/**
 * Before parsing, for the parser and whoever walks the value recurse. A key that an object has twice is refused, for
 * readers disagree on which counts.
 */
function checkShape(text: string): void {
  /** The keys of each object that is open; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  /** Where the last string began and ended: it is a key when a colon follows. */
  let last: readonly [number, number] = [0, 0];
  for (let index = 0; index < text.length; index++) {
    switch (text[index]) {
      case '"': {
        const end = endOfString(text, index);
        last = [index, end];
        index = end - 1;
        break;
      }
      case ':':
        addKey(open.at(-1), text.slice(...last));
        break;
      case '{':
      case '[':
        open.push(text[index] === '{' ? new Set() : undefined);
        if (open.length > maxDepth) throw bad(`the body is nested more than ${maxDepth} deep`);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      default:
    }
  }
}

/** Behind the quote that ends it, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === '"') return index + 1;
  }
  return text.length;
}

function addKey(keys: Set<string> | undefined, written: string): void {
  // Escapes hide that two keys are one.
  const key = written.includes('\\') ? unescaped(written) : written;
  if (keys?.has(key)) throw bad('the body has a key twice in one object');
  keys?.add(key);
}

function unescaped(written: string): string {
  try {
    return JSON.stringify(JSON.parse(written));
  } catch {
    return written; // no JSON: the parser says so
  }
}

function bad(detail: string): HttpProblem {
  return new HttpProblem(400, 'Bad Request', detail);
}
