import { HttpProblem } from '../../core/plugin/index.js';

/** Largest body of a request. */
export const bodyLimitBytes = 1024 * 1024;
const maxDepth = 32;

/** Parses a JSON body; an empty one is undefined. Refuses what is nested deeply and what reaches for a prototype. */
export function parseJsonBody(text: string): unknown {
  if (text.trim() === '') return undefined;
  checkDepth(text);
  try {
    return JSON.parse(text, refusePrototypeKeys);
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(400, 'Bad Request', 'the body is not JSON');
  }
}

function refusePrototypeKeys(key: string, value: unknown): unknown {
  if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
    throw new HttpProblem(400, 'Bad Request', `the body has a key ${key}`);
  }
  return value;
}

/** Before parsing, for the parser and whoever walks the value recurse. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (inString) {
      if (character === '\\') index++;
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
    } else if (character === '{' || character === '[') {
      if (++depth > maxDepth)
        throw new HttpProblem(400, 'Bad Request', `the body is nested more than ${maxDepth} deep`);
    } else if (character === '}' || character === ']') {
      depth--;
    }
  }
}
