import assert from 'node:assert/strict';
import { linkSignal } from '../../../core/time/index.js';
import { leftIn } from '../../support/left-in-signal.js';

describe('core/time: a linked signal', () => {
  it('aborts with each of its outer signals, and with its reason', () => {
    for (const which of [0, 1]) {
      const outers = [new AbortController(), new AbortController()];
      const { controller } = linkSignal(...outers.map(({ signal }) => signal));
      assert.equal(controller.signal.aborted, false);
      const reason = new Error('over');
      outers[which]?.abort(reason);
      assert.equal(controller.signal.reason, reason);
    }
  });

  it('is aborted at once when an outer signal is', () => {
    const reason = new Error('over');
    const { controller } = linkSignal(new AbortController().signal, AbortSignal.abort(reason));
    assert.equal(controller.signal.reason, reason);
  });

  it('aborts no outer signal, and leaves nothing behind in them', () => {
    const outers = [new AbortController(), new AbortController()];
    const { controller, release } = linkSignal(...outers.map(({ signal }) => signal));
    controller.abort();
    release();
    for (const { signal } of outers) {
      assert.equal(signal.aborted, false);
      assert.deepEqual(leftIn(signal), { dependants: 0, listeners: 0 });
    }
  });
});
