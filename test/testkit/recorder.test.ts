import assert from 'node:assert/strict';
import type { Service } from '../../core/model/index.js';
import { Recorder } from '../../testkit/index.js';

function service(name: string, ...addresses: string[]): Service {
  return {
    name,
    attributes: { name },
    ports: [{ name: 'http', number: 80, protocol: 'http' }],
    instances: addresses.map((address) => ({
      id: address,
      address,
      ports: { http: 8080 },
      health: 'healthy',
      weight: 100,
      metadata: {},
    })),
    metadata: {},
  };
}

describe('Recorder', () => {
  it('applies what is published', () => {
    const recorder = new Recorder();
    assert.equal(recorder.synced, false);
    recorder.replaceAll([service('a', '10.0.0.1'), service('b')]);
    recorder.upsert(service('c', '10.0.0.3'));
    recorder.remove('a');
    assert.equal(recorder.synced, true);
    assert.deepEqual([...recorder.services.keys()], ['b', 'c']);
    recorder.replaceAll([service('d')]);
    assert.deepEqual([...recorder.services.keys()], ['d']);
    assert.deepEqual(
      recorder.events.map(({ kind }) => kind),
      ['replaceAll', 'upsert', 'remove', 'replaceAll'],
    );
  });

  it('keeps degraded scopes until they recover or everything is replaced', () => {
    const recorder = new Recorder();
    recorder.degraded(new Error('away'), 'dc1');
    recorder.degraded(new Error('away too'));
    recorder.recovered('dc1');
    assert.deepEqual([...recorder.degradedScopes.keys()], ['']);
    recorder.replaceAll([]);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('notes what breaks the rules of the model', () => {
    const recorder = new Recorder();
    recorder.replaceAll([service('a', '0.0.0.0'), service('b'), service('b')]);
    assert.equal(recorder.problems.length, 2);
    assert.match(recorder.problems.join('\n'), /"b" is there twice/);
    assert.match(recorder.problems.join('\n'), /unspecified/);
  });

  it('applies nothing after close, and tells what came', () => {
    const recorder = new Recorder();
    recorder.replaceAll([service('a')]);
    recorder.close();
    recorder.upsert(service('b'));
    recorder.remove('a');
    assert.deepEqual([...recorder.services.keys()], ['a']);
    assert.deepEqual(recorder.late, ['upsert b', 'remove a']);
  });

  it('keeps the newest 10,000 events', () => {
    const recorder = new Recorder();
    for (let i = 0; i < 10_010; i++) recorder.remove(`s${i}`);
    assert.equal(recorder.events.length, 10_000);
    assert.equal(recorder.droppedEvents, 10);
    assert.deepEqual(recorder.events.at(-1), { kind: 'remove', name: 's10009' });
  });

  describe('waitFor', () => {
    it('resolves at once, or with the event that makes it true', async () => {
      const recorder = new Recorder();
      await recorder.waitFor(() => true);
      const waiting = recorder.waitFor(({ services }) => services.has('a'));
      recorder.replaceAll([]);
      recorder.upsert(service('a'));
      await waiting;
    });

    it('tells the state that was reached instead', async () => {
      const recorder = new Recorder();
      recorder.replaceAll([service('orders', '10.0.0.1')]);
      recorder.degraded(new Error('connection refused'), 'dc1');
      const waiting = recorder.waitFor(() => false, { deadlineMs: 10, what: 'the moon' });
      await assert.rejects(waiting, (error: Error) => {
        assert.match(error.message, /timed out after 10 ms waiting for the moon/);
        assert.match(error.message, /orders: \[10\.0\.0\.1:8080 healthy weight 100\]/);
        assert.match(error.message, /degraded \(dc1\): connection refused/);
        assert.match(error.message, /replaceAll of 1 services/);
        return true;
      });
    });

    it('ends with its signal, and with an error of the predicate', async () => {
      const recorder = new Recorder();
      const abort = new AbortController();
      const waiting = recorder.waitFor(() => false, { signal: abort.signal });
      abort.abort(new Error('enough'));
      await assert.rejects(waiting, /enough/);
      await assert.rejects(
        recorder.waitFor(() => false, { signal: abort.signal }),
        /enough/,
      );
      const failing = recorder.waitFor(({ services }) => {
        if (services.has('a')) throw new Error('a is here');
        return false;
      });
      recorder.upsert(service('a'));
      await assert.rejects(failing, /a is here/);
    });
  });
});
