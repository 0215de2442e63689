import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../core/time/index.js';
import { CertificateFiles } from '../../../sinks/xds/certificate-files.js';
import type { TlsConfig } from '../../../sinks/xds/gateway-config.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { poll } from '../../support/poll.js';

describe('certificates that are read on this side', () => {
  let made: Certificates;
  let first: { cert: string; key: string };
  let second: { cert: string; key: string };
  const { signal } = new AbortController();
  let dir: string;
  let tls: TlsConfig;
  let files: CertificateFiles;
  before(async () => {
    made = await makeCertificates();
    const pair = ({ cert, key }: Certificates['server']) => ({
      cert: readFileSync(cert, 'utf8'),
      key: readFileSync(key, 'utf8'),
    });
    first = pair(made.server);
    second = pair(made.client);
  });
  after(() => made.remove());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-pem-'));
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    writeFileSync(cert, first.cert);
    writeFileSync(key, first.key);
    tls = { certificates: [{ cert, key }], from: 'isthmus', minVersion: '1.2' };
    files = new CertificateFiles([tls], { clock: systemClock, settleMs: 20, lookMs: 60_000 });
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const path = (name: 'cert' | 'key') => tls.certificates[0]?.[name] ?? '';

  it('are none where Envoy reads them itself', () => {
    assert.ok(new CertificateFiles([{ ...tls, from: 'gateway' }], { clock: systemClock }).isEmpty);
  });

  it('are refused, with the file and no word of its content, when they are missing, no PEM, or of another key', async () => {
    writeFileSync(path('key'), second.key);
    await assert.rejects(files.load(signal), new Error(`${path('key')} is not the key of ${path('cert')}`));
    writeFileSync(path('key'), 'a secret that is no key');
    await assert.rejects(files.load(signal), new Error(`${path('key')} holds no PEM key without a passphrase`));
    writeFileSync(path('cert'), 'no certificate');
    await assert.rejects(files.load(signal), new Error(`${path('cert')} holds no PEM certificate`));
    rmSync(path('key'));
    await assert.rejects(files.load(signal), new Error(`cannot read ${path('key')}: there is no such file`));
    assert.equal(files.contents.size, 0);
  });

  it('are taken again when they change, as a pair, and the last good ones stay', async () => {
    assert.ok(await files.load(signal));
    assert.ok(!(await files.load(signal)));
    const stop = new AbortController();
    const events: string[] = [];
    const following = files.follow(
      stop.signal,
      () => events.push('changed'),
      ({ message }) => events.push(message),
    );
    await poll(() => {
      // Until the watch is there, nobody sees what is written.
      writeFileSync(path('cert'), second.cert);
      return events.length > 0;
    });
    assert.match(events[0] ?? '', /is not the key of/);
    assert.equal(files.contents.get(path('cert'))?.toString(), first.cert);
    writeFileSync(join(dir, 'new'), second.key);
    copyFileSync(join(dir, 'new'), path('key'));
    await poll(() => events.includes('changed'));
    assert.equal(files.contents.get(path('cert'))?.toString(), second.cert);
    stop.abort();
    await following;
  });
});
