import { createHash } from 'node:crypto';
import type { Config } from './config.js';

/** 22 characters of base64url: equal for equal configurations. Secrets have no part in it. */
export function configHash(config: Config): string {
  const text = JSON.stringify(config, (_key, value: unknown) => (value instanceof RegExp ? String(value) : value));
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}
