// Installs the dependencies that package-lock.json pins, once: a no-op when node_modules is already of this lock file.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`isthmus needs Node.js 20.19 or newer, this is ${process.version}`);
  process.exit(1);
}
const stamp = 'node_modules/.isthmus-install';
const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  console.log('installing dependencies');
  // Not `npm ci`: it refuses a lock file that lacks a platform's optional binaries, even of a platform not in use.
  const { status } = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, wanted);
}
