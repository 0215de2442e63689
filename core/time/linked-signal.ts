/** A controller that each of the outer signals aborts too, with its reason, until it is released. */
export interface LinkedSignal {
  readonly controller: AbortController;
  /** Leaves nothing behind in the outer signals. */
  release(): void;
}

/** Not `AbortSignal.any`: a signal that lives for weeks keeps a reference of each signal that was made of it. */
export function linkSignal(...outers: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController();
  const ends = outers.map((outer) => {
    const onAbort = () => controller.abort(outer.reason);
    if (outer.aborted) onAbort();
    else outer.addEventListener('abort', onAbort, { once: true });
    return () => outer.removeEventListener('abort', onAbort);
  });
  const release = () => {
    for (const end of ends) end();
  };
  return { controller, release };
}
