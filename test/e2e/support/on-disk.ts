import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { poll } from '../../support/poll.js';
import type { Isthmus } from './isthmus.js';

/** Waits until all these texts are on the daemon's disk: it is written some seconds after the first catalog, for readers come first. */
export async function onDisk({ dataDir }: Isthmus, ...texts: readonly string[]): Promise<void> {
  const folder = join(dataDir, 'catalog');
  const look = () => {
    const files = existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')) : [];
    return texts.every((text) => files.some((file) => file.includes(text)));
  };
  await poll(look, { timeoutMs: 60_000, what: `${texts.join(', ')} to be on the disk` });
}
