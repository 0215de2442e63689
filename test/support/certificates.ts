import { createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { artefactDir } from '../servers/build/cache-dir.js';

/** PEM files; keys in PKCS #8, which every server reads. */
export interface Certificates {
  readonly ca: string;
  /** For `localhost`, `127.0.0.1` and {@link serverName}. */
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
  readonly serverName: string;
  remove(): Promise<void>;
}

/** Makes an authority and certificates of its own in a new folder, with what Consul brings for that. */
export async function makeCertificates(): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-tls-'));
  const consul = (...args: string[]) =>
    execa(join(artefactDir('consul'), 'consul'), ['tls', ...args], { cwd: dir, timeout: 60_000 });
  await consul('ca', 'create');
  await consul('cert', 'create', '-server', '-dc', 'dc1');
  await consul('cert', 'create', '-client', '-dc', 'dc1');
  const pair = async (kind: 'server' | 'client') => {
    const key = join(dir, `${kind}-key.pem`);
    const own = await readFile(join(dir, `dc1-${kind}-consul-0-key.pem`));
    await writeFile(key, createPrivateKey(own).export({ type: 'pkcs8', format: 'pem' }));
    return { cert: join(dir, `dc1-${kind}-consul-0.pem`), key };
  };
  return {
    ca: join(dir, 'consul-agent-ca.pem'),
    server: await pair('server'),
    client: await pair('client'),
    serverName: 'server.dc1.consul',
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
