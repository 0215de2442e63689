import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Secret } from '../../../core/config/secret.js';
import { createLogger } from '../../../core/telemetry/logger.js';

function memory() {
  const lines: string[] = [];
  return { lines, destination: { write: (text: string) => void lines.push(text) } };
}

describe('createLogger', () => {
  it('writes a JSON object a line, with the level by name and the site', () => {
    const { lines, destination } = memory();
    const logger = createLogger({ level: 'info', format: 'json', site: 'hz-1', destination });
    logger.debug('not this');
    logger.child({ source: 'nacos-hz' }).warn({ retryInMs: 5 }, 'again');
    assert.equal(lines.length, 1);
    const { time, ...entry } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    assert.deepEqual(entry, { level: 'warn', site: 'hz-1', source: 'nacos-hz', retryInMs: 5, msg: 'again' });
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
  });

  for (const format of ['json', 'pretty'] as const) {
    it(`never writes a secret (${format})`, () => {
      const { lines, destination } = memory();
      const logger = createLogger({ level: 'info', format, destination });
      const token = new Secret('hunter2');
      logger.info({ token, nested: { list: [token] } }, `with ${String(token)}`);
      logger.error({ err: Object.assign(new Error(`bad ${token}`), { token }) }, 'failed');
      logger.child({ token }).info('child');
      assert.equal(lines.length, 3);
      assert.doesNotMatch(lines.join(''), /hunter2/);
      assert.match(lines.join(''), /\[secret\]/);
    });

    it(`lets no text forge a line or reach the terminal (${format})`, () => {
      const { lines, destination } = memory();
      const logger = createLogger({ level: 'info', format, destination });
      const foreign = 'a\n\r12:00 FAKE: entry\u001b[31m\u007f\u202e\u2028\\u001b';
      logger.info({ record: foreign }, foreign);
      assert.equal(lines.length, 1);
      const text = (lines[0] ?? '').replace(/\n$/, '');
      assert.ok(!text.includes('\n') && !text.includes('\r') && !text.includes('\u001b'));
      if (format === 'pretty') assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\u2028]/u);
      assert.match(text, /FAKE/);
    });
  }

  it('outlives a standard error that cannot be written, as on a full disk', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'isthmus-log-'));
    const readOnly = openSync(fileURLToPath(import.meta.url), 'r');
    try {
      const script = join(folder, 'log.mts');
      const module = JSON.stringify(new URL('../../../core/telemetry/logger.ts', import.meta.url).href);
      writeFileSync(
        script,
        `const { createLogger } = await import(${module});
        const logger = createLogger({ level: 'info', format: 'json' });
        for (let count = 0; count < 5; count++) {
          logger.info('entry');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        process.stdout.write('alive');`,
      );
      const child = spawn(process.execPath, ['--import', 'tsx', script], {
        cwd: fileURLToPath(new URL('../../..', import.meta.url)),
        stdio: ['ignore', 'pipe', readOnly],
        timeout: 15_000,
        killSignal: 'SIGKILL',
      });
      let out = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      const [code] = await once(child, 'close');
      assert.deepEqual([code, out], [0, 'alive']);
    } finally {
      closeSync(readOnly);
      rmSync(folder, { recursive: true });
    }
  });

  it('writes text for people, an error with its indented stack', () => {
    const { lines, destination } = memory();
    const logger = createLogger({ level: 'info', format: 'pretty', site: 'hz-1', destination });
    logger.info({ services: 3 }, 'source synced');
    logger.error({ err: new Error('first\n12:00 FAKE') }, 'failed');
    assert.match(lines[0] ?? '', /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: source synced \{"services":3\}\n$/);
    assert.doesNotMatch(lines[1] ?? '', /\n12:00/);
  });
});
