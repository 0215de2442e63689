import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allLanes } from './lanes.js';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the lanes of the test run', () => {
  it('run each test file once', () => {
    const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `test/${file}`);
    assert.ok(files.length > 100);
    // mocha takes a pattern with braces and nothing else for the name of a file.
    const patterns = allLanes.flatMap(({ args }) => args);
    assert.deepEqual(
      patterns.filter((pattern) => pattern.includes('{') && !pattern.includes('*')),
      [],
    );
    for (const file of files) {
      const lanes = allLanes.filter(({ args }) => {
        const ignored = args.filter((_, index) => args[index - 1] === '--ignore');
        const taken = args.filter((arg, index) => arg !== '--ignore' && args[index - 1] !== '--ignore');
        return taken.some((glob) => matchesGlob(file, glob)) && !ignored.some((glob) => matchesGlob(file, glob));
      });
      assert.equal(lanes.length, 1, `${file} is in ${lanes.map(({ name }) => name).join(' and ') || 'no lane'}`);
    }
  });
});
