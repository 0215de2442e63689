import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { QuarantineEntry } from '../../../core/shape/quarantine.js';
import { QuarantineFile } from '../../../core/shape/quarantine-file.js';

const entry: QuarantineEntry = {
  id: 'a1',
  address: '10.0.0.0/8',
  reason: 'r',
  sinceMs: 1,
  untilMs: 2,
  from: 'operator',
};

describe('QuarantineFile', () => {
  let dir: string;
  let path: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-quarantine-'));
    path = join(dir, 'data', 'quarantine.json');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('gives back what was written last, and nothing before', async () => {
    const file = new QuarantineFile(path);
    assert.deepEqual(await file.read(), []);
    await Promise.all([file.write([]), file.write([entry, { ...entry, id: 'b' }]), file.write([entry])]);
    assert.deepEqual(await new QuarantineFile(path).read(), [entry]);
    assert.deepEqual(await readdir(join(dir, 'data')), ['quarantine.json'], 'no temporary file is left');
  });

  it('keeps what it has rather than write what it could not read', async () => {
    const file = new QuarantineFile(path);
    await file.write([entry]);
    const labels = { version: 'x'.repeat(1024 * 1024) };
    await assert.rejects(file.write(Array.from({ length: 5 }, () => ({ ...entry, labels }))), /more than/);
    assert.deepEqual(await file.read(), [entry]);
  });

  it('sets aside what is none of ours, whatever it is, and says where', async () => {
    const file = new QuarantineFile(path);
    await file.write([entry]);
    const good = await readFile(path, 'utf8');
    for (const text of [
      '',
      '{',
      '[]',
      '{"version":2,"entries":[]}',
      good.replace('10.0.0.0/8', '10.0.0.0/99'),
      good.slice(0, -5),
    ]) {
      await writeFile(path, text);
      await assert.rejects(file.read(), /quarantine\.json is no list of quarantined instances .* moved to .*damaged/);
      assert.deepEqual(await file.read(), []);
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await writeFile(path, bytes);
        await file.read().catch((error: Error) => assert.match(error.message, /moved to/));
      }),
      { numRuns: 30 },
    );
  });
});
