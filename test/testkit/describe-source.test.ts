import assert from 'node:assert/strict';
import { describeSource, runSourceCheck, type SourceHarness, sourceChecks } from '../../testkit/index.js';
import { brokenSources, leftTimers } from './broken-sources.js';
import { MemoryRegistry } from './memory-registry.js';
import { MemorySource } from './memory-source.js';

function harnessOf(registry: MemoryRegistry): SourceHarness {
  return { registry, createSource: () => new MemorySource(registry), deadlineMs: 2000, outageMs: 100 };
}

describeSource('a correct source in memory', harnessOf(new MemoryRegistry()));

describe('describeSource', () => {
  afterEach(() => {
    for (const timer of leftTimers.splice(0)) clearInterval(timer);
  });

  for (const { mistake, check: name, says, create } of brokenSources) {
    it(`finds a source that ${mistake}: ${name}`, async () => {
      const registry = new MemoryRegistry();
      const harness = { ...harnessOf(registry), createSource: () => create(registry), deadlineMs: 200 };
      const check = sourceChecks.find((candidate) => candidate.name === name);
      assert(check, `no check is called ${name}`);
      await assert.rejects(runSourceCheck(check, harness), (error: Error) => {
        assert.match(error.message, says);
        assert.ok(error.message.includes(check.contract), 'the message does not tell the contract');
        return true;
      });
    });
  }

  it('has a broken source for every check, so that none can pass whatever happens', () => {
    const shown = new Set(brokenSources.map(({ check }) => check));
    const unshown = sourceChecks.filter(({ name }) => !shown.has(name)).map(({ name }) => name);
    assert.deepEqual(unshown, []);
  });

  it('names every check once', () => {
    assert.equal(new Set(sourceChecks.map(({ name }) => name)).size, sourceChecks.length);
  });

  it('defines a test for each check that the harness can show, and no other', () => {
    const defined: string[] = [];
    const framework = {
      describe: (_: string, define: () => void) => define(),
      it: (name: string) => defined.push(name),
    };
    const full = harnessOf(new MemoryRegistry());
    describeSource('full', full, framework);
    assert.equal(defined.length, sourceChecks.length);
    defined.length = 0;
    const { put, remove } = new MemoryRegistry();
    const capabilities = { weights: false, metadata: false, health: false };
    describeSource('bare', { ...full, registry: { put, remove }, capabilities }, framework);
    const left = sourceChecks.map(({ name }) => name).filter((name) => !defined.includes(name));
    assert.equal(left.length, 10);
    assert.ok(left.every((name) => /change of|unreachable|outage|breaks in the middle/.test(name)));
  });

  it('cuts listings by the clock when the registry cannot break them itself', async () => {
    const registry = new MemoryRegistry();
    const { put, remove, stop, start } = registry;
    const bound = {
      put: put.bind(registry),
      remove: remove.bind(registry),
      stop: stop.bind(registry),
      start: start.bind(registry),
    };
    const check = sourceChecks.find(({ name }) => name.startsWith('publishes nothing of a first listing'));
    assert(check);
    await runSourceCheck(check, { ...harnessOf(registry), registry: bound, size: { services: 30, instances: 2 } });
  });

  it('leaves nothing of its own in the registry', async () => {
    const registry = new MemoryRegistry();
    const harness = harnessOf(registry);
    for (const check of sourceChecks) await runSourceCheck(check, harness);
    for (const name of await registry.names()) assert.deepEqual(await registry.instances(name), [], name);
  });
});
