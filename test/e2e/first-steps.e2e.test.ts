import assert from 'node:assert/strict';
import { execa } from 'execa';
import { startIstiod } from '../servers/istiod.js';
import { type ServerHandle, startServer } from '../servers/process.js';
import { AdsClient } from '../support/ads-client.js';
import { http } from '../support/http.js';
import { isthmusCommand } from '../support/isthmus-command.js';
import { poll } from '../support/poll.js';
import { clusterOf } from './support/mesh.js';

/** The built-in configuration has fixed ports, and data below the working directory: a folder of the test's own. */
describe('the first steps, as the daemon prints them', function () {
  this.timeout(180_000);
  let daemon: ServerHandle;
  let printed = '';

  /** The command that stands below a heading, continued lines joined. */
  const step = (heading: string): string => {
    const match = new RegExp(`^${heading}.*\\n((?:  .*\\\\\\n)*  .*)$`, 'm').exec(printed);
    assert.ok(match?.[1], `no step "${heading}" in:\n${printed}`);
    return match[1];
  };
  const shell = (line: string) => {
    const command = line.replace('npx isthmus', isthmusCommand.map((word) => `'${word}'`).join(' '));
    return execa({ shell: true, timeout: 30_000 })`${command}`;
  };

  before(async () => {
    const [command, ...args] = isthmusCommand;
    daemon = await startServer({
      name: 'isthmus-first-steps',
      command: () => ({ command, args: [...args, 'run'] }),
      ready: async (_signal, output) => {
        printed = output();
        return printed.includes('Read your own registries');
      },
    });
  });

  after(() => daemon?.stop());

  it('registers an instance and shows it, by copy and paste', async () => {
    const { stdout } = await shell(step('Register an instance:'));
    assert.doesNotMatch(stdout, /problem|error/i);
    await poll(async () => /^hello\.api\s/m.test((await shell(step('See it:'))).stdout), {
      what: 'the service in `isthmus get services`',
    });
    const { stdout: instances } = await shell('npx isthmus get instances hello.api');
    assert.match(instances, /127\.0\.0\.1.*9000/);
  });

  it('lets istiod read it', async () => {
    const address = /address: (xds:\/\/[0-9.:]+)/.exec(step('Let istiod read it'))?.[1];
    assert.ok(address, printed);
    const istiod = await startIstiod({ configSources: [address] });
    const sidecar = new AdsClient(istiod.adsAddress);
    try {
      await sidecar.waitForEndpoints(clusterOf('hello.api'), (list) => list[0]?.target === '127.0.0.1:9000');
    } finally {
      sidecar.close();
      await istiod.stop();
    }
  });

  it('keeps what was registered over a restart, and forgets what is deregistered', async () => {
    await daemon.restart();
    const url = /curl -X PUT (\S+)/.exec(step('Register an instance:'))?.[1] ?? '';
    const shown = async () => (await shell('npx isthmus get instances')).stdout.includes('hello.api');
    await poll(shown, { what: 'the instance after a restart' });
    assert.ok((await http(url, { method: 'DELETE' })).status < 300);
    await poll(async () => !(await shown()), { what: 'the instance to be gone' });
  });

  it('ends with exit code 1 and the address when a second daemon wants the same port', async () => {
    const [command, ...args] = isthmusCommand;
    const second = await execa(command, [...args, 'run'], { reject: false, timeout: 30_000, cwd: daemon.dataDir });
    assert.equal(second.exitCode, 1);
    assert.match(second.stderr, /127\.0\.0\.1:8080/);
  });
});
