import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plugins } from '../../cli/wire.js';
import { type CliRun, runCli } from '../cli/run-cli.js';
import { type IstiodServer, startIstiod } from '../servers/istiod.js';
import { pickPort } from '../servers/ports.js';
import { AdsClient } from '../support/ads-client.js';
import { poll } from '../support/poll.js';
import { shardPorts } from '../support/shard-ports.js';
import { type Isthmus, startIsthmus } from './support/isthmus.js';
import { clusterOf } from './support/mesh.js';

const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
const host = (name: string) => `${name}.file`;

/** Operators' steps: the command's output pasted into istiod's mesh configuration, and another number of shards later. */
describe('the daemon in shards, set up by its own command', function () {
  this.timeout(240_000);
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-shards-'));
  let isthmus: Isthmus;
  let istiod: IstiodServer;
  let sidecar: AdsClient;

  let listen: string;

  const optionsOf = (mcp: Readonly<Record<string, unknown>>) => ({
    sources: [{ name: 'file', kind: 'file', path: join(dir, 'services.json') }],
    mcp: { listen, shardBy: 'port', ...mcp },
  });
  /** Each service with so many instances. */
  function write(count: number): void {
    const instances = (service: number) =>
      Array.from({ length: count }, (_, index) => ({ address: `10.7.${service}.${index + 1}`, ports: { http: 8080 } }));
    const services = names.map((name, index) => ({
      name,
      ports: [{ name: 'http', number: 80, protocol: 'http' }],
      instances: instances(index),
    }));
    writeFileSync(join(dir, 'services.json'), JSON.stringify({ services }));
  }
  const cli = (...args: string[]): Promise<CliRun> => runCli(args, { env: { ISTHMUS_SERVER: isthmus.url }, plugins });
  async function sources(): Promise<string[]> {
    const file = join(isthmus.dataDir, '..', 'isthmus.yaml');
    const { code, stdout, stderr } = await cli('istio', 'mesh-config', '--config', file, '--address', '127.0.0.1');
    assert.equal(code, 0, stderr);
    const all = [...stdout.matchAll(/address: (\S+)/g)].map(([, address = '']) => address);
    assert.equal(all.pop(), 'k8s://');
    return all;
  }
  async function seesAll(count: number): Promise<void> {
    for (const name of names) {
      await sidecar.waitForEndpoints(clusterOf(host(name)), (list) => list.length === count, { timeoutMs: 120_000 });
    }
  }

  before(async () => {
    write(1);
    listen = `127.0.0.1:${await pickPort(shardPorts(4, 6))}`;
    isthmus = await startIsthmus(optionsOf({ shards: 4 }));
    istiod = await startIstiod({ configSources: await sources() });
    sidecar = new AdsClient(istiod.adsAddress);
  });

  after(async () => {
    sidecar?.close();
    await istiod?.stop();
    await isthmus?.stop();
    rmSync(dir, { recursive: true });
  });

  it('reaches a sidecar whole, and tells operators who reads what', async () => {
    await seesAll(1);
    const { stdout } = await cli('clients', '-o', 'json');
    const { items } = JSON.parse(stdout) as { items: { part: string; node: string }[] };
    assert.deepEqual(
      items.map(({ part }) => part).sort(),
      [0, 1, 2, 3].map((index) => `shard ${index} of 4`),
    );
    const explained = await cli('explain', host('s3'));
    assert.match(
      explained.stdout,
      /^s3\.file\n.*\n {2}sink mcp \(mcp\)\n {4}legacy\/s3\.file, version \S+\n {4}client \S*istiod\S* \(\S+\): acked\n$/,
    );
  });

  it('goes on with another number, while istiod still has the old list', async () => {
    await isthmus.stop();
    isthmus = await startIsthmus(optionsOf({ shards: 6, alsoShards: [4] }));
    await poll(async () => (await cli('clients', '-o', 'name')).stdout.split('\n').length === 5, {
      timeoutMs: 120_000,
      what: 'istiod to come back by its old list',
    });
    write(2);
    await seesAll(2);
    assert.equal((await sources()).length, 6);
  });
});
