import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const module = JSON.stringify(new URL('../../cli/last-resort.ts', import.meta.url).href);

describe('exitAfter', function () {
  this.timeout(60_000);

  async function exitCodeOf(body: string): Promise<unknown> {
    const folder = mkdtempSync(join(tmpdir(), 'isthmus-exit-'));
    try {
      const script = join(folder, 'script.mts');
      writeFileSync(script, `const { exitAfter } = await import(${module});\n${body}`);
      const child = spawn(process.execPath, ['--import', 'tsx', script], {
        cwd: root,
        stdio: 'ignore',
        timeout: 30_000,
        killSignal: 'SIGKILL',
      });
      const [code] = await once(child, 'close');
      return code;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it('ends a process that something holds, with the code that was set', async () => {
    assert.equal(await exitCodeOf('setInterval(() => undefined, 1000); process.exitCode = 3; exitAfter(50);'), 3);
    assert.equal(await exitCodeOf('setInterval(() => undefined, 1000); exitAfter(50);'), 1);
  });

  it('does not hold up one that ends by itself', async () => {
    assert.equal(await exitCodeOf('exitAfter(3_600_000);'), 0);
  });
});
