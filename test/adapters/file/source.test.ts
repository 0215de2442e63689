import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { makeFolder, makeSource, writeAtomically } from './make-source.js';

/** Far beyond any test, so that what is seen was told by the watch. */
const never = 3_600_000;
const deadlineMs = 10_000;

describe('adapters/file source', () => {
  let folder: string;
  let path: string;
  const runs: SourceRun[] = [];

  beforeEach(() => {
    folder = makeFolder();
    path = join(folder, 'services.yaml');
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
  });

  function start(config: Partial<Parameters<typeof makeSource>[0]> = {}): Recorder {
    const run = new SourceRun(makeSource({ path, recheckMs: never, ...config }));
    runs.push(run);
    return run.recorder;
  }

  const addresses = (recorder: Recorder, service = 'orders') =>
    recorder.services
      .get(service)
      ?.instances.map(({ address }) => address)
      .join();
  const cause = (recorder: Recorder, scope = '') => recorder.degradedScopes.get(scope)?.message ?? '';

  it('publishes what the file says, and what an atomic rename or a write in place changes', async () => {
    writeFileSync(path, yaml('10.0.0.1'));
    const recorder = start();
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.1', { deadlineMs });
    writeAtomically(path, yaml('10.0.0.1', '10.0.0.2'));
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.1,10.0.0.2', { deadlineMs });
    writeFileSync(path, yaml('10.0.0.2'));
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.2', { deadlineMs });
    assert.equal(recorder.events.filter(({ kind }) => kind === 'replaceAll').length, 1);
  });

  it('upserts only the service that changed, with the very instances that did not', async () => {
    writeFileSync(path, `${yaml('10.0.0.1')}  - { name: stock }\n`);
    const recorder = start({ recheckMs: 100 });
    await recorder.waitFor(() => recorder.services.size === 2, { deadlineMs });
    const before = recorder.services.get('orders')?.instances[0];
    writeAtomically(path, `${yaml('10.0.0.1', '10.0.0.2')}  - { name: stock }\n`);
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.1,10.0.0.2', { deadlineMs });
    assert.equal(recorder.services.get('orders')?.instances[0], before);
    assert.deepEqual(
      recorder.events.slice(1).map((event) => (event.kind === 'upsert' ? event.service.name : event.kind)),
      ['orders'],
    );
  });

  it('removes a service that a good file no longer has', async () => {
    writeFileSync(path, yaml('10.0.0.1'));
    const recorder = start({ recheckMs: 100 });
    await recorder.waitFor(() => recorder.services.has('orders'), { deadlineMs });
    writeAtomically(path, 'services: []\n');
    await recorder.waitFor(() => !recorder.services.has('orders'), { deadlineMs });
    assert.ok(recorder.events.some(({ kind }) => kind === 'remove'));
  });

  it('sees the swap of a Kubernetes volume', async () => {
    const put = (version: string, text: string) => {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, 'services.yaml'), text);
      symlinkSync(version, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    put('..2024_1', yaml('10.0.0.1'));
    symlinkSync(join('..data', 'services.yaml'), path);
    const recorder = start();
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.1', { deadlineMs });
    for (const round of [2, 3]) {
      put(`..2024_${round}`, yaml(`10.0.0.${round}`));
      rmSync(join(folder, `..2024_${round - 1}`), { recursive: true });
      await recorder.waitFor(() => addresses(recorder) === `10.0.0.${round}`, { deadlineMs });
    }
    assert.equal(recorder.events.filter(({ kind }) => kind === 'degraded').length, 0);
  });

  for (const [what, text, reason] of [
    ['invalid YAML', 'services: [', /not valid YAML: .* at line 1/],
    ['nothing', '', /expected object/],
    ['an alias bomb', bomb(), /Excessive alias count/],
    ['an endless nesting', `services: ${'['.repeat(20_000)}`, /YAML/],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0x3a, 0xff]), /not UTF-8/],
    ['a key twice', 'services: []\nservices: []\n', /not valid YAML: .*unique/],
    ['a document that is none of ours', 'kind: ConfigMap\n', /services: /],
  ] as const) {
    it(`keeps the last good content when the file holds ${what}, and recovers`, async () => {
      writeFileSync(path, yaml('10.0.0.1'));
      const recorder = start({ recheckMs: 100 });
      await recorder.waitFor(() => addresses(recorder) === '10.0.0.1', { deadlineMs });
      writeAtomically(path, text as string);
      await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs });
      assert.match(cause(recorder), reason);
      assert.equal(addresses(recorder), '10.0.0.1');
      writeAtomically(path, yaml('10.0.0.9'));
      await recorder.waitFor(() => addresses(recorder) === '10.0.0.9' && !recorder.degradedScopes.has(''), {
        deadlineMs,
      });
    });
  }

  it('keeps the last good content when the file goes, and takes the same file back', async () => {
    writeFileSync(path, yaml('10.0.0.1'));
    const recorder = start({ recheckMs: 100 });
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.1', { deadlineMs });
    renameSync(path, `${path}.away`);
    await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs });
    assert.match(cause(recorder), /there is no such file/);
    assert.equal(addresses(recorder), '10.0.0.1');
    renameSync(`${path}.away`, path);
    await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs });
  });

  it('publishes nothing before there is a good file', async () => {
    const recorder = start({ recheckMs: 100 });
    await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs });
    assert.equal(recorder.synced, false);
    writeAtomically(path, yaml('10.0.0.1'));
    await recorder.waitFor(() => addresses(recorder) === '10.0.0.1', { deadlineMs });
  });

  it('does not read a file that is larger than allowed', async () => {
    writeFileSync(path, yaml('10.0.0.1'));
    const recorder = start({ maxBytes: 40 });
    await recorder.waitFor(() => recorder.degradedScopes.has(''), { deadlineMs });
    assert.match(cause(recorder), /larger than 40 bytes/);
  });

  it('waits until a file that is being written rests', async () => {
    const before = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'];
    writeFileSync(path, yaml(...before));
    const recorder = start({ recheckMs: 100, settleMs: 200 });
    await recorder.waitFor(() => recorder.synced, { deadlineMs });
    // Every prefix of this file that ends with a line is valid, and lacks instances.
    const lines = yaml(...before, '10.0.0.7').split('\n');
    for (let count = 1; count <= lines.length; count++) {
      writeFileSync(path, lines.slice(0, count).join('\n'));
      await delay(50);
    }
    await recorder.waitFor(() => addresses(recorder)?.endsWith('10.0.0.7') === true, { deadlineMs });
    const losses = recorder.events.filter((event) => event.kind === 'upsert' && event.service.instances.length < 7);
    assert.deepEqual(losses, []);
  });

  it('joins several files, and tells of a service that is in two', async () => {
    const other = join(folder, 'more.json');
    writeFileSync(path, yaml('10.0.0.1'));
    writeFileSync(other, JSON.stringify({ services: [{ name: 'orders' }, { name: 'stock' }] }));
    const run = new SourceRun(makeSource({ paths: [path, other], recheckMs: 100 }));
    runs.push(run);
    const { recorder } = run;
    await recorder.waitFor(() => recorder.degradedScopes.has(other), { deadlineMs });
    assert.match(cause(recorder, other), /service orders is in .* already/);
    assert.equal(addresses(recorder), '10.0.0.1');
    assert.ok(recorder.services.has('stock'));
    writeAtomically(other, '{"services":[{"name":"stock"}]}');
    await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs });
    writeAtomically(other, '{"services":[');
    await recorder.waitFor(() => recorder.degradedScopes.has(other), { deadlineMs });
    assert.match(cause(recorder, other), /not valid JSON/);
    assert.ok(recorder.services.has('stock'));
  });
});

function yaml(...addresses: string[]): string {
  const instances = addresses.map((address) => `      - { address: ${address}, port: 8080 }\n`);
  return `services:\n  - name: orders\n    instances:\n${instances.join('')}`;
}

/** Nine levels of nine aliases each. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) =>
    level === 0
      ? 'a0: &a0 [x]'
      : `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
  );
  return `${levels.join('\n')}\nservices: *a8\n`;
}
