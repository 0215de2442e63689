import assert from 'node:assert/strict';

/** True when there is no such process. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
    throw error;
  }
}

/** Asserts that a process that ran is no more. */
export function assertGone(pid: number | undefined): void {
  assert.ok(pid !== undefined && pid > 0, 'it never ran');
  assert.ok(isGone(pid), `process ${pid} is still there`);
}
