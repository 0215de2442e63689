import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { plugins } from '../../cli/wire.js';
import { parseConfigText } from '../../core/config/load-config.js';

describe('docs/sinks.md', () => {
  it('shows a configuration of each kind of sink that works when pasted', () => {
    const text = readFileSync(new URL('../../docs/sinks.md', import.meta.url), 'utf8');
    const kinds = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => {
      const { sinks } = parseConfigText(yaml, 'sinks.md', plugins, { env: {} });
      return sinks.map(({ kind }) => kind).join();
    });
    assert.deepEqual(kinds.sort(), plugins.sinks.map(({ kind }) => kind).sort());
  });
});
