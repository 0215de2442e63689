/**
 * Runs `task` with a signal that aborts with `signal`, or after `timeoutMs`; holds neither timer nor listener after.
 * @throws what `task` throws: after the deadline an Error that names it
 */
export async function withDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const within = new AbortController();
  const abort = () => within.abort(signal.reason);
  const timer = setTimeout(() => within.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await task(within.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
