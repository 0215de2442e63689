import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aCatalogService, startApi } from '../sinks/api/api.js';
import { http } from '../support/http.js';
import { isthmusCommand } from '../support/isthmus-command.js';
import { poll } from '../support/poll.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly out: () => string;
  readonly err: () => string;
  /** The exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** The real program, in a process of its own. */
function isthmus(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const [command, ...before] = isthmusCommand;
  const child = spawn(command, [...before, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  // `close` comes after the last of the output.
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, out: () => out, err: () => err, ended };
}

describe('the isthmus program', function () {
  this.timeout(90_000);
  let folder: string;
  const running: Running[] = [];
  const start = (...args: Parameters<typeof isthmus>) => {
    const one = isthmus(...args);
    running.push(one);
    return one;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-process-'));
  });
  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true });
  });

  const configFile = (api: string, sources = 1) => {
    const services = join(folder, 'services.yaml');
    writeFileSync(services, 'services: [{ name: orders, instances: [{ address: 10.0.0.1, port: 8080 }] }]\n');
    const file = join(folder, 'isthmus.yaml');
    writeFileSync(
      file,
      `site: test
api: { listen: ${api} }
data: ${join(folder, 'data')}
sources:
${Array.from({ length: sources }, (_, index) => `  - { name: files${index}, kind: file, path: ${services} }`).join('\n')}
sinks: [{ kind: mcp, listen: 127.0.0.1:0 }]
`,
    );
    return file;
  };
  const apiOf = async ({ out }: Running) =>
    poll(() => /api +(http:\/\/127\.0\.0\.1:\d+)\n/.exec(out())?.[1], {
      what: 'the daemon to be up',
      timeoutMs: 60_000,
    });

  it('has nothing to warn of, however many sources there are', async () => {
    const daemon = start(['run', '--config', configFile('127.0.0.1:0', 15)]);
    const url = await apiOf(daemon);
    await poll(async () => (await http(`${url}/readyz`)).status === 200, { what: 'the daemon to be ready' });
    daemon.child.kill('SIGTERM');
    assert.equal(await daemon.ended, 0);
    assert.doesNotMatch(daemon.err(), /warning/i);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`runs until ${signal}, and ends cleanly`, async () => {
      const daemon = start(['run', '--config', configFile('127.0.0.1:0')]);
      const url = await apiOf(daemon);
      await poll(async () => (await http(`${url}/readyz`)).status === 200, { what: 'the daemon to be ready' });
      assert.match((await http(`${url}/api/v1/services`)).body, /"host":"orders\.file"/);
      daemon.child.kill(signal);
      assert.equal(await daemon.ended, 0);
      assert.match(daemon.out(), /^isthmus is up at site test\n/);
      for (const line of daemon.err().trimEnd().split('\n')) JSON.parse(line);
    });
  }

  it('ends at once on a second signal, whichever the first was', async () => {
    const daemon = start(['run', '--config', configFile('127.0.0.1:0')]);
    const url = new URL(await apiOf(daemon));
    // Half a request, which a clean end waits for.
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => undefined);
    try {
      await once(socket, 'connect');
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
      await poll(async () => (await http(`${url.href}readyz`)).status === 200, { what: 'the daemon to be ready' });
      daemon.child.kill('SIGTERM');
      await poll(
        async () =>
          http(`${url.href}healthz`).then(
            () => false,
            () => true,
          ),
        { what: 'the API to close' },
      );
      daemon.child.kill('SIGINT');
      assert.equal(await daemon.ended, 'SIGINT');
    } finally {
      socket.destroy();
    }
  });

  it('exits with 1 and the address when its port is taken', async () => {
    const other = await startApi();
    try {
      const daemon = start(['run', '--config', configFile(`127.0.0.1:${other.port}`)]);
      assert.equal(await daemon.ended, 1);
      assert.match(daemon.err(), new RegExp(`error: cannot listen on 127\\.0\\.0\\.1:${other.port} `));
      assert.equal(daemon.out(), '');
    } finally {
      await other.api.stop();
    }
  });

  it('ends quietly when its output is no longer read', async () => {
    const { api, catalog, url } = await startApi();
    try {
      catalog.set(...Array.from({ length: 4000 }, (_, index) => aCatalogService(`s${index}.nacos`)));
      const get = start(['get', 'services', '-o', 'json', '--watch'], { ISTHMUS_SERVER: url });
      get.child.stdout.once('data', () => get.child.stdout.destroy());
      assert.equal(await get.ended, 0);
      assert.equal(get.err(), '');
    } finally {
      await api.stop();
    }
  });

  it('writes all of a long output into a pipe', async () => {
    const { api, catalog, url } = await startApi();
    try {
      catalog.set(...Array.from({ length: 4000 }, (_, index) => aCatalogService(`s${index}.nacos`)));
      const get = start(['get', 'services', '-o', 'json'], { ISTHMUS_SERVER: url });
      assert.equal(await get.ended, 0);
      assert.equal((JSON.parse(get.out()) as { items: unknown[] }).items.length, 4000);
    } finally {
      await api.stop();
    }
  });
});
