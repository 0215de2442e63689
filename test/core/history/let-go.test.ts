import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HistoryReader, type Versions } from '../../../core/history/history-reader.js';
import type { Service } from '../../../core/model/index.js';
import { anInstance, aService } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { type Recorded, useRecordings } from './recorded.js';

const none = new AbortController().signal;
const tooLargeRetryMs = 600_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('the history lets go of what it came up with', () => {
  const { versionsIn } = HistoryReader.prototype;
  const recordings = useRecordings();
  afterEach(() => {
    HistoryReader.prototype.versionsIn = versionsIn;
  });

  const say = ({ catalog }: Recorded, ...services: Service[]) =>
    void catalog.apply(
      'a',
      services.map((service) => [service.name, service]),
    );
  /** What the catalog has now, so that what else has it is found. */
  const refOf = ({ catalog }: Recorded, host: string) =>
    new WeakRef(catalog.snapshot().services.get(host) ?? assert.fail());
  const isLetGo = async (ref: WeakRef<object>, what: string) =>
    poll(
      () => {
        collectGarbage();
        return ref.deref() === undefined;
      },
      { what: `${what} to be let go of`, timeoutMs: 5000 },
    );
  const big = (instance: string) =>
    aService('big', [
      anInstance(instance, {
        metadata: { noise: Array.from({ length: 3000 }, (_, n) => ((n * 7919) % 1_000_003).toString(36)).join('') },
      }),
    ]);

  it('after a restart: the hashes of all hosts, and the catalog as it was', async () => {
    const before = recordings.make();
    say(before, aService('orders', [anInstance('1')]));
    await before.start();
    await before.stop();

    const read: WeakRef<Versions['versions']>[] = [];
    HistoryReader.prototype.versionsIn = async function (this: HistoryReader, ...args) {
      const found = await versionsIn.apply(this, args);
      read.push(new WeakRef(found.versions));
      return found;
    };
    const after = recordings.make();
    say(after, aService('orders', [anInstance('1')]));
    const ref = await after.start().then((started) => refOf(started, 'orders.mesh'));
    say(after, aService('orders', [anInstance('2')]));
    await after.history.flush();
    await isLetGo(ref, 'the service of before');
    assert.equal(read.length, 1);
    await isLetGo(read[0] ?? assert.fail(), 'the hashes');
  });

  it('when the catalog is too large to be recorded', async () => {
    const recorded = recordings.make({ maxBytes: 8000 });
    say(recorded, big('1'));
    const ref = await recorded.start().then((started) => refOf(started, 'big.mesh'));
    await poll(() => recorded.history.status().write.state === 'too large');
    say(recorded, big('2'));
    await isLetGo(ref, 'the service of before');
  });

  it('and goes by what there is now when it was too large at first', async () => {
    const recorded = recordings.make({ maxBytes: 8000, commitMs: 50 });
    say(recorded, big('1'));
    const starting = recorded.start();
    // Before the first write, so that nothing changes any more once it is known to be too large.
    await recorded.catalog.ready(none);
    await new Promise((resolve) => setImmediate(resolve));
    say(recorded, aService('big', [anInstance('1')]));
    await starting;
    assert.equal(recorded.history.status().write.state, 'too large');
    recordings.time.nowMs += tooLargeRetryMs;
    await recorded.history.flush();
    assert.equal(recorded.history.status().write.state, 'writing');
    assert.deepEqual([...(await recorded.history.at(recordings.time.nowMs, none)).keys()], ['big.mesh']);
  });
});
