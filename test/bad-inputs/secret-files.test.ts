import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '../../adapters/index.js';
import { ConfigError } from '../../core/config/config-error.js';
import { loadConfig } from '../../core/config/load-config.js';
import { sinks } from '../../sinks/index.js';
import { costOf } from './measure.js';

/** What may lie where a secret is to be. A configuration is refused with the reason, and nothing of a file is told. */
describe('bad files of secrets', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-secrets-'));
    writeFileSync(join(folder, 'good'), 'hunter2\n');
    symlinkSync('good', join(folder, 'link'));
    symlinkSync('link', join(folder, 'link-to-link'));
    symlinkSync('ring-b', join(folder, 'ring-a'));
    symlinkSync('ring-a', join(folder, 'ring-b'));
    symlinkSync('nowhere', join(folder, 'dangling'));
    mkdirSync(join(folder, 'folder'));
    symlinkSync('folder', join(folder, 'link-to-folder'));
    symlinkSync('/dev/zero', join(folder, 'endless'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync('pipe', join(folder, 'link-to-pipe'));
    writeFileSync(join(folder, 'binary'), Buffer.from([0x68, 0xff, 0xfe]));
    writeFileSync(join(folder, 'large'), 'hunter2'.repeat(20_000));
    writeFileSync(join(folder, 'nested'), '${file:good}');
    writeFileSync(join(folder, 'yaml'), '"\n    admin: true\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  const load = (file: string) => {
    const path = join(folder, 'isthmus.yaml');
    const eureka = `{ name: e, kind: eureka, servers: ["http://e:1"], username: u, password: "\${file:${file}}" }`;
    writeFileSync(path, `site: a\nsources: [${eureka}]\n`);
    return loadConfig(path, { sources: adapters, sinks }, { env: {} });
  };
  const passwordOf = (file: string) => {
    const password = load(file).sources[0]?.config['password'] as { reveal(): string };
    return password.reveal();
  };

  for (const file of ['good', 'link', 'link-to-link']) {
    it(`takes ${file}`, () => assert.equal(passwordOf(file), 'hunter2'));
  }

  it('takes what is in a file as it is: neither a placeholder nor YAML', () => {
    assert.equal(passwordOf('nested'), '${file:good}');
    assert.equal(passwordOf('yaml'), '"\n    admin: true');
  });

  for (const [file, said] of [
    ['ring-a', /links go in a circle/],
    ['dangling', /no such file/],
    ['folder', /it is a directory/],
    ['link-to-folder', /it is a directory/],
    ['endless', /larger than/],
    ['pipe', /it is a pipe/],
    ['link-to-pipe', /it is a pipe/],
    ['binary', /not UTF-8/],
    ['large', /larger than/],
    ['good/../../../../../../etc/none', /not a directory|no such file/],
  ] as const) {
    it(`refuses ${file}, at once and cheaply`, async () => {
      const { heldMiB } = await costOf(() =>
        assert.throws(
          () => load(file),
          (error) => {
            assert.ok(error instanceof ConfigError);
            assert.match(error.message, said);
            assert.doesNotMatch(error.message, /hunter2/);
            return true;
          },
        ),
      );
      assert.ok(heldMiB < 64, `${heldMiB} MiB`);
    });
  }
});
