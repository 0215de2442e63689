import assert from 'node:assert/strict';
import pino from 'pino';
import { TroubleLog } from '../../../core/source/trouble-log.js';

function aLog() {
  const entries: { cause: string; scope?: string; suppressed?: number }[] = [];
  const log = new TroubleLog(pino({ level: 'info' }, { write: (line) => void entries.push(JSON.parse(line)) }));
  return { log, entries };
}

describe('TroubleLog', () => {
  it('says a cause once a minute, and how often it was silent', () => {
    const { log, entries } = aLog();
    for (let second = 0; second < 60; second++) log.note(new Error('refused'), undefined, second * 1000);
    assert.equal(entries.length, 1);
    log.note(new Error('refused'), undefined, 60_000);
    assert.equal(entries.length, 2);
    assert.equal(entries[1]?.suppressed, 59);
  });

  it('says a new cause, another scope, and the same cause after it was over at once', () => {
    const { log, entries } = aLog();
    log.note(new Error('refused'), undefined, 0);
    log.note(new Error('timed out'), undefined, 1);
    log.note(new Error('timed out'), 'gray', 2);
    log.over('gray');
    log.note(new Error('timed out'), 'gray', 3);
    assert.deepEqual(
      entries.map(({ cause, scope }) => [cause, scope]),
      [
        ['refused', undefined],
        ['timed out', undefined],
        ['timed out', 'gray'],
        ['timed out', 'gray'],
      ],
    );
  });

  it('shortens what a registry may have put into an error', () => {
    const { log, entries } = aLog();
    log.note(new Error('x'.repeat(100_000)), undefined, 0);
    assert.equal(entries[0]?.cause.length, 500);
  });

  it('remembers a bounded number of scopes', () => {
    const { log, entries } = aLog();
    for (let scope = 0; scope < 5000; scope++) log.note(new Error('x'), `s${scope}`, 0);
    assert.ok(entries.length <= 1001);
  });
});
