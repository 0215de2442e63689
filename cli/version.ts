import { readFileSync } from 'node:fs';

/** From package.json, which lies beside the sources and one folder above what is built of them. */
function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'isthmus') return version;
    } catch {
      // the other place, then
    }
  }
  return 'unknown';
}

export const version = readVersion();
