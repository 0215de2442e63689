import { getEventListeners } from 'node:events';

/** What a signal holds: listeners, and signals made from it by `AbortSignal.any`, which it never lets go. */
export function leftIn(signal: AbortSignal): { readonly dependants: number; readonly listeners: number } {
  const key = Object.getOwnPropertySymbols(signal).find(({ description }) => description === 'kDependantSignals');
  const held: unknown = key && Reflect.get(signal, key);
  const dependants = typeof held === 'object' && held !== null ? Number(Reflect.get(held, 'size')) : 0;
  return { dependants, listeners: getEventListeners(signal, 'abort').length };
}
