/**
 * Why a request to a Kubernetes API failed.
 * - `unreachable`: no connection, no answer in time, or an answer that was cut off
 * - `unavailable`: it answers that it cannot now: 429, 5xx
 * - `forbidden`: 401 or 403
 * - `absent`: 404: the object, or the whole kind of resource
 * - `conflict`: 409: the object is there already, is not as it was, or a field belongs to somebody else
 * - `expired`: 410: the resource version is no longer known, so everything has to be listed anew
 * - `invalid`: 400, 413, 422 and other refusals: the same request will be refused again
 * - `malformed`: an answer that is no answer of Kubernetes, or larger than allowed
 */
export type KubernetesFailure =
  | 'unreachable'
  | 'unavailable'
  | 'forbidden'
  | 'absent'
  | 'conflict'
  | 'expired'
  | 'invalid'
  | 'malformed';

/** A failed request. The message holds no credential and no body but the API's own short `message`. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';

  constructor(
    readonly failure: KubernetesFailure,
    message: string,
    options: ErrorOptions & {
      /** What the server asks to wait before the next request. */
      readonly retryAfterMs?: number | undefined;
      /** `status.reason`, as `AlreadyExists`. */
      readonly reason?: string | undefined;
    } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
    this.reason = options.reason;
  }

  readonly retryAfterMs: number | undefined;
  readonly reason: string | undefined;
}

export function toKubernetesError(error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  return new KubernetesError('unreachable', networkCause(error), { cause: error });
}

/** The failure that a status code stands for. */
export function failureOf(statusCode: number): KubernetesFailure {
  switch (statusCode) {
    case 401:
    case 403:
      return 'forbidden';
    case 404:
      return 'absent';
    case 409:
      return 'conflict';
    case 410:
      return 'expired';
    case 429:
      return 'unavailable';
    default:
      return statusCode >= 500 ? 'unavailable' : statusCode >= 400 ? 'invalid' : 'malformed';
  }
}

/** Connecting to a name with several addresses fails with an error whose own message is empty. */
function networkCause(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  return inner instanceof Error ? inner.message : String(inner);
}
