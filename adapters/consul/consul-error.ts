/**
 * Why a read of Consul failed.
 * - `unreachable`: no connection, no answer in time, or an answer that was cut off
 * - `unavailable`: it answers that it cannot: no leader, overloaded, an internal error
 * - `forbidden`: the token is not known or may not read
 * - `hidden`: 200, but what the token may not see was taken out of the answer, so what is missing says nothing
 * - `malformed`: an answer that is no answer of Consul, or larger than allowed
 */
export type ConsulFailure = 'unreachable' | 'unavailable' | 'forbidden' | 'hidden' | 'malformed';

/** A failed read; never a reason to remove anything. The message holds neither token nor body. */
export class ConsulError extends Error {
  override readonly name = 'ConsulError';

  constructor(
    readonly failure: ConsulFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function toConsulError(error: unknown): ConsulError {
  if (error instanceof ConsulError) return error;
  return new ConsulError('unreachable', error instanceof Error ? error.message : String(error), { cause: error });
}
