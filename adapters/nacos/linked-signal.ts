/** A controller that `outer` aborts too, until it is released. */
export interface LinkedSignal {
  readonly controller: AbortController;
  /** Leaves nothing behind in `outer`. */
  release(): void;
}

/** Not `AbortSignal.any`: a signal that lives for weeks keeps a reference of each signal that was made of it. */
export function linkSignal(outer: AbortSignal): LinkedSignal {
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer.reason);
  if (outer.aborted) onAbort();
  else outer.addEventListener('abort', onAbort, { once: true });
  return { controller, release: () => outer.removeEventListener('abort', onAbort) };
}
