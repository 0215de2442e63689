import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { plugins } from '../../../cli/wire.js';
import { parseConfigText } from '../../../core/config/load-config.js';

describe("the MCP sink's README", () => {
  const text = readFileSync(new URL('../../../sinks/mcp/README.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml);
  const sinks = blocks.filter((yaml) => yaml.startsWith('sinks:'));

  it('shows configurations that work when pasted', () => {
    assert.ok(sinks.length >= 4, `${sinks.length} examples`);
    for (const yaml of sinks) {
      const config = parseConfigText(`site: a\nsources: [{ name: a, kind: api }]\n${yaml}`, 'README.md', plugins, {
        env: {},
      });
      assert.equal(config.sinks[0]?.kind, 'mcp');
    }
  });
});
