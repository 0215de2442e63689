import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const script = fileURLToPath(new URL('run-tests.ts', import.meta.url));

describe('the test runner', function () {
  this.timeout(60_000);
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-runner-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  async function run(source: string, env: Record<string, string> = {}) {
    const file = join(dir, 'case.mjs');
    writeFileSync(file, source);
    const args = ['--import', 'tsx', script, file];
    const result = await execa(process.execPath, args, { reject: false, timeout: 50_000, env: { CI: '', ...env } });
    return { code: result.exitCode, last: result.stdout.split('\n').at(-1), errors: result.stderr };
  }

  it('closes with the counts', async () => {
    const { code, last } = await run(`it('a', () => {}); it('b', () => {});`);
    assert.deepEqual({ code, last }, { code: 0, last: '2 passed, 0 failed, 0 skipped' });
  });

  it('counts failures, those of hooks included, and fails', async () => {
    const { code, last } = await run(`
      it('a', () => {});
      it('b', () => { throw new Error('no'); });
      describe('c', () => { before(() => { throw new Error('no'); }); it('d', () => {}); });`);
    assert.deepEqual({ code, last }, { code: 2, last: '1 passed, 2 failed, 0 skipped' });
  });

  it('tells at the end what failed, and where', async () => {
    const { errors } = await run(`describe('a', () => { it('b', () => { throw new Error('no such thing'); }); });`);
    assert.match(errors, /failed: a b\n.*case\.mjs\nError: no such thing/);
  });

  it('takes a skipped test for a failure in CI only', async () => {
    const source = `it('a', () => {}); it('later');`;
    const last = '1 passed, 0 failed, 1 skipped';
    const here = await run(source);
    assert.deepEqual([here.code, here.last], [0, last]);
    const inCi = await run(source, { CI: 'true' });
    assert.deepEqual([inCi.code, inCi.last], [1, last]);
    assert.match(inCi.errors, /skipped test is a failure/);
  });

  it('fails when the process ends in the middle', async () => {
    const { code, last, errors } = await run(`it('a', () => {}); it('b', () => process.exit(0)); it('c', () => {});`);
    assert.deepEqual({ code, last }, { code: 1, last: '1 passed, 0 failed, 0 skipped' });
    assert.match(errors, /ended before all tests had run/);
  });

  it('fails when a test keeps the process from ending, and tells with what', async () => {
    const { code, last, errors } = await run(`
      import { createServer } from 'node:net';
      it('a', (done) => void createServer().listen(0, '127.0.0.1', done));`);
    assert.equal(last, '1 passed, 0 failed, 0 skipped');
    assert.notEqual(code, 0);
    assert.match(errors, /left something open: .*server \{"address":"127.0.0.1"/);
  });

  it('ends the servers that test files share', async () => {
    const [shared, process] = ['shared', 'process'].map((name) => new URL(`servers/${name}.ts`, import.meta.url).href);
    const { code, last, errors } = await run(`
      import { shared } from '${shared}';
      import { startServer } from '${process}';
      const args = ['-e', 'console.log("up"); setInterval(() => {}, 1000)'];
      const ready = async (signal, output) => output().includes('up');
      const start = () => startServer({ name: 'shared', command: () => ({ command: process.execPath, args }), ready });
      it('a', () => shared('one', start));`);
    assert.deepEqual({ code, last, errors }, { code: 0, last: '1 passed, 0 failed, 0 skipped', errors: '' });
  });

  it('fails when there is nothing to run', async () => {
    const { code } = await run('');
    assert.notEqual(code, 0);
  });
});
