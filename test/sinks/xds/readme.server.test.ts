import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { plugins } from '../../../cli/wire.js';
import { parseConfigText } from '../../../core/config/load-config.js';
import { artefactDir } from '../../servers/build/cache-dir.js';

const text = readFileSync(new URL('../../../sinks/xds/README.md', import.meta.url), 'utf8');
const blocks = [...text.matchAll(/^```(yaml|json)\n(.*?)^```/gms)].map(([, language, body]) => ({ language, body }));

describe('what the README of the xDS sink says to paste', () => {
  const [config, bootstrap] = blocks.filter(({ language }) => language === 'yaml').map(({ body = '' }) => body);

  it('is a configuration that the loader takes', () => {
    const { sinks } = parseConfigText(config ?? '', 'README.md', plugins, { env: {} });
    assert.deepEqual(
      sinks.map(({ kind }) => kind),
      ['xds'],
    );
  });

  it('is a bootstrap that Envoy takes', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'isthmus-readme-'));
    try {
      const file = join(dir, 'bootstrap.yaml');
      writeFileSync(file, bootstrap ?? '');
      const envoy = join(artefactDir('envoy'), 'envoy/_bin/envoy');
      const { all } = await execa(envoy, ['--mode', 'validate', '-c', file], { all: true, timeout: 30_000 });
      assert.match(all, /OK/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('is a bootstrap of gRPC clients with what both want', () => {
    const json = JSON.parse(blocks.find(({ language }) => language === 'json')?.body ?? '') as Record<string, unknown>;
    assert.deepEqual(Object.keys(json), ['xds_servers', 'node']);
  });
});
