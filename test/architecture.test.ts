import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const root = fileURLToPath(new URL('..', import.meta.url));
const rules = join(root, '.dependency-cruiser.cjs');
const cruiser = join(root, 'node_modules/.bin/depcruise');

async function cruise(cwd: string, folders: readonly string[]): Promise<{ code: number | undefined; output: string }> {
  const { exitCode, stdout } = await execa(cruiser, ['--config', rules, ...folders], {
    cwd,
    reject: false,
    env: { NODE_OPTIONS: '' },
  });
  return { code: exitCode, output: stdout };
}

describe('the direction of imports', function () {
  this.timeout(60_000);

  it('is kept by the whole tree', async () => {
    const { code, output } = await cruise(root, ['core', 'clients', 'adapters', 'sinks', 'cli', 'testkit']);
    assert.equal(code, 0, output);
    assert.match(output, /\((?:[2-9]\d\d|\d{4,}) modules/);
  });

  describe('is enforced', () => {
    let dir: string;
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'isthmus-architecture-'));
    });
    afterEach(() => rmSync(dir, { recursive: true }));

    const wrong: [from: string, to: string, rule: string][] = [
      ['core/model/a.ts', 'core/source/b.ts', 'model-imports-nothing'],
      ['core/a.ts', 'adapters/x/b.ts', 'core-imports-core'],
      ['core/a.ts', 'clients/x/b.ts', 'core-imports-core'],
      ['clients/x/a.ts', 'adapters/y/b.ts', 'clients-import-core'],
      ['clients/x/a.ts', 'sinks/y/b.ts', 'clients-import-core'],
      ['testkit/a.ts', 'clients/x/b.ts', 'testkit-imports-core'],
      ['adapters/x/a.ts', 'adapters/y/b.ts', 'no-adapter-imports-an-adapter'],
      ['adapters/dubbo/a.ts', 'adapters/x/b.ts', 'no-adapter-imports-an-adapter'],
      ['adapters/x/a.ts', 'sinks/y/b.ts', 'adapters-import-core'],
      ['sinks/x/a.ts', 'adapters/y/b.ts', 'sinks-import-core'],
      ['sinks/x/a.ts', 'sinks/y/b.ts', 'no-sink-imports-a-sink'],
      ['cli/a.ts', 'adapters/x/b.ts', 'only-wire-sees-both'],
      ['testkit/a.ts', 'adapters/x/b.ts', 'testkit-imports-core'],
    ];
    for (const [from, to, rule] of wrong) {
      it(`${from} may not import ${to}, not even its types`, async () => {
        const { code, output } = await cruiseImport(from, to);
        assert.notEqual(code, 0);
        assert.match(output, new RegExp(`error ${rule}: ${from}`));
      });
    }

    for (const [from, to] of [
      ['adapters/x/a.ts', 'adapters/dubbo/b.ts'],
      ['sinks/x/a.ts', 'sinks/istio/b.ts'],
      ['adapters/x/a.ts', 'clients/y/b.ts'],
      ['sinks/x/a.ts', 'clients/y/b.ts'],
    ] as const) {
      it(`${from} may import ${to}, which is there to be shared`, async () => {
        const { code, output } = await cruiseImport(from, to);
        assert.equal(code, 0, output);
      });
    }

    function cruiseImport(from: string, to: string) {
      for (const file of [from, to]) mkdirSync(join(dir, dirname(file)), { recursive: true });
      const target = '../'.repeat(from.split('/').length - 1) + to.replace(/\.ts$/, '.js');
      writeFileSync(join(dir, from), `import type { B } from '${target}';\nexport type A = B;\n`);
      writeFileSync(join(dir, to), 'export interface B { b: 1 }\n');
      return cruise(dir, [from.split('/')[0] ?? '']);
    }
  });
});
