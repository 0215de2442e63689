import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCode } from '../../cli/exit-code.js';
import type { Config } from '../../core/config/config.js';
import { runCli } from './run-cli.js';

const valid = 'site: hz-1\nsources: [{ name: n, kind: nacos, servers: ["http://${env:NACOS}"] }]\n';

describe('isthmus', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-cli-'));
    file = join(folder, 'isthmus.yaml');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('prints its version', async () => {
    for (const args of [['version'], ['--version'], ['-V']]) {
      assert.deepEqual(await runCli(args), { code: 0, stdout: 'isthmus 1.2.3\n', stderr: '' });
    }
  });

  for (const args of [
    [],
    ['run'],
    ['validate'],
    ['config', 'schema'],
    ['get', 'sources'],
    ['get', 'services'],
    ['get', 'instances'],
    ['version'],
  ]) {
    it(`has help with examples: ${args.join(' ')} --help`, async () => {
      const { code, stdout, stderr } = await runCli([...args, '--help']);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.match(stdout, /^Usage: isthmus/);
      assert.match(stdout, /\nExamples:\n {2}isthmus /);
    });
  }

  it('tells the exit codes in its help', async () => {
    const { stdout } = await runCli(['--help']);
    for (const code of [0, 1, 2, 3, 4]) assert.match(stdout, new RegExp(`\n  ${code}  `));
  });

  for (const [args, message] of [
    [['rnu'], /^error: unknown command 'rnu'\n\(Did you mean run\?\)/],
    [['get', 'servces'], /^error: unknown command 'servces'\n\(Did you mean services\?\)/],
    [
      ['get', 'services', '-o', 'xml'],
      /^error: option '-o, --output <format>' argument 'xml' is invalid\. Allowed choices are table, wide/,
    ],
    [['get', 'services', '--wach'], /^error: unknown option '--wach'\n\(Did you mean --watch\?\)/],
    [['get', 'services', 'a', 'b'], /^error: too many arguments/],
    [['validate'], /^error: required option '-c, --config <file>' not specified/],
    [['run', '--config'], /^error: option '-c, --config <file>' argument missing/],
    [['rnu\u001b[31m'], /^error: unknown command 'rnu\\u001b\[31m'/],
    [
      ['get', 'sources', '--server', 'http://:hunter2@127.0.0.1:1'],
      /^error: the server is to be a URL without credentials; see --token-file\n$/,
    ],
    [
      ['get', 'sources', '--server', 'nowhere'],
      /^error: the server is to be a URL as http:\/\/127\.0\.0\.1:8080, not nowhere\n$/,
    ],
    [
      ['get', 'sources', '--token-file', '/none/token'],
      /^error: cannot read the token file \/none\/token: no such file\n$/,
    ],
  ] as const) {
    it(`exits with 2 on: ${args.join(' ')}`.replaceAll('\u001b', 'ESC'), async () => {
      const { code, stdout, stderr } = await runCli(args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    });
  }

  it('shows the help and exits with 2 when nothing is asked', async () => {
    const { code, stdout, stderr } = await runCli([]);
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    assert.match(stderr, /^Usage: isthmus/);
  });

  it('validates a configuration with its environment', async () => {
    writeFileSync(file, valid);
    assert.deepEqual(await runCli(['validate', '--config', file], { env: { NACOS: 'nacos:8848' } }), {
      code: 0,
      stdout: `${file} is valid: 1 source, 0 sinks\n`,
      stderr: '',
    });
    assert.deepEqual(await runCli(['validate', '--config', file]), {
      code: 2,
      stdout: '',
      stderr:
        `error: ${file}:2:53: sources[0].servers[0]: environment variable NACOS is not set\n` +
        'error: 1 problem; `isthmus config schema` prints what is allowed\n',
    });
  });

  it('prints all problems of a configuration before it runs', async () => {
    writeFileSync(file, 'site: A\nsources: []\nnmaing: []\n');
    let started = false;
    const runDaemon = async () => {
      started = true;
    };
    const { code, stdout, stderr } = await runCli(['run', '-c', file], { runDaemon });
    assert.deepEqual({ code, stdout, started }, { code: 2, stdout: '', started: false });
    assert.deepEqual(
      stderr.split('\n').map((line) => line.replace(`error: ${file}:`, '').split(': ').slice(0, 2).join(' ')),
      [
        '1:7 site',
        '2:10 sources',
        '3:1 nmaing',
        'error 3 problems; `isthmus config schema` prints what is allowed',
        '',
      ],
    );
    assert.equal((await runCli(['run', '-c', join(folder, 'none.yaml')])).code, 2);
  });

  it('runs the daemon with the configuration, and says where it listens', async () => {
    writeFileSync(file, valid);
    let given: Config | undefined;
    const { code, stdout } = await runCli(['run', '--config', file], {
      env: { NACOS: 'nacos:8848' },
      runDaemon: async (config, _signal, onStarted) => {
        given = config;
        onStarted({ api: '127.0.0.1:8080', sinks: [{ name: 'mcp', kind: 'mcp', listening: '127.0.0.1:15010' }] });
      },
    });
    assert.equal(code, 0);
    assert.equal(given?.site, 'hz-1');
    assert.equal(stdout, 'isthmus is up at site hz-1\n  api      http://127.0.0.1:8080\n  mcp      127.0.0.1:15010\n');
  });

  it('exits with 1 and the reason when the daemon fails', async () => {
    writeFileSync(file, valid);
    const runDaemon = async () => {
      throw new Error('cannot listen on 127.0.0.1:8080 (api.listen): the address is in use by another process');
    };
    assert.deepEqual(await runCli(['run', '--config', file], { env: { NACOS: 'n:1' }, runDaemon }), {
      code: 1,
      stdout: '',
      stderr: 'error: cannot listen on 127.0.0.1:8080 (api.listen): the address is in use by another process\n',
    });
  });

  it('prints the schema of the configuration as JSON', async () => {
    const { code, stdout, stderr } = await runCli(['config', 'schema']);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.equal((JSON.parse(stdout) as { $schema: string }).$schema, 'https://json-schema.org/draft/2020-12/schema');
  });

  it('has its commands, options and exit codes in docs/cli.md', async () => {
    const text = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    for (const [name, code] of Object.entries(exitCode)) assert.match(text, new RegExp(`\n\\| ${code} \\|`), name);
    for (const command of [
      'run',
      'validate',
      'config schema',
      'get sources',
      'get services',
      'get instances',
      'version',
    ]) {
      assert.ok(text.includes(`| \`isthmus ${command}`), command);
    }
    const { stdout } = await runCli(['get', 'services', '--help']);
    for (const [option] of stdout.matchAll(/--[a-z-]+/g)) {
      if (option !== '--help') assert.ok(text.includes(option), option);
    }
  });
});
