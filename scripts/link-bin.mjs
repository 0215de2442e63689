// Lets `npx isthmus` work in this folder, as it does where the package is installed: npm links no package's own commands.
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';

const link = 'node_modules/.bin/isthmus';
chmodSync('dist/bin/main.js', 0o755);
mkdirSync('node_modules/.bin', { recursive: true });
rmSync(link, { force: true });
if (process.platform !== 'win32') symlinkSync('../../dist/bin/main.js', link);
