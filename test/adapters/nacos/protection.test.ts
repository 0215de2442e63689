import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Protection } from '../../../adapters/nacos/protection.js';
import { formatServiceKey } from '../../../adapters/nacos/service-key.js';
import type { HealthById } from '../../../adapters/nacos/true-health.js';
import { type Deferred, deferred } from '../../../core/plugin/index.js';

describe('adapters/nacos services that have reached their protection threshold', () => {
  let protection: Protection;
  let abort: AbortController;
  let reads: Deferred<HealthById>[];
  let published: string[];
  let notice: string | undefined;

  beforeEach(() => {
    abort = new AbortController();
    reads = [];
    published = [];
    notice = undefined;
    protection = new Protection({
      read: () => {
        const read = deferred<HealthById>();
        reads.push(read);
        return read.promise;
      },
      onHealth: (key) => published.push(formatServiceKey(key)),
      notice: (_, text) => {
        notice = text;
      },
      signal: abort.signal,
    });
  });

  afterEach(() => abort.abort());

  const isProtected = (namespace: string) =>
    protection.answered({ namespace, group: 'G', name: 'a' }, [{ ip: '10.0.0.1' }], true, () => new Map());
  const answerAll = async () => {
    for (const read of reads) read.resolve(new Map());
    await new Promise((resolve) => setImmediate(resolve));
  };

  it('are published when their true health was read', async () => {
    isProtected('gray');
    await answerAll();
    assert.deepEqual(published, ['gray@@G@@a']);
    assert.match(notice ?? '', /^1 services have .*gray@@G@@a$/);
  });

  it('are none of a namespace that is gone, and nothing that was being read of it is published', async () => {
    isProtected('gray');
    isProtected('blue');
    protection.forgetNamespace('gray');
    assert.match(notice ?? '', /^1 services have .*blue@@G@@a$/);
    await answerAll();
    assert.deepEqual(published, ['blue@@G@@a']);
    protection.forgetNamespace('blue');
    assert.equal(notice, undefined);
  });
});
