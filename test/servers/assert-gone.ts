import assert from 'node:assert/strict';

/** Asserts that a process that ran is no more. */
export function assertGone(pid: number | undefined): void {
  assert.ok(pid !== undefined && pid > 0, 'it never ran');
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, `process ${pid} is still there`);
}
