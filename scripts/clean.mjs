// Empties dist, so that a file that was renamed or removed does not live on in the package.
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
