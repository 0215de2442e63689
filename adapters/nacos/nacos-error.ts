/** What a Nacos server or the way to it answered instead of what was asked. */
export class NacosError extends Error {
  override readonly name = 'NacosError';

  /**
   * @param code Nacos's own error code or the HTTP status: 400 bad parameter, 403 refused, 404 no such API; 0 when
   *   there was no answer at all.
   */
  constructor(
    message: string,
    readonly code: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `ConfigQueryResponse.CONFIG_NOT_FOUND`: there is no such configuration. */
export const configNotFound = 300;

/** No login, a wrong one, or one without the right; Nacos says 403 for all three. */
export function isRefused(error: unknown): boolean {
  return error instanceof NacosError && (error.code === 401 || error.code === 403);
}

/** The server has no such API: 404, 410 (3.x for the APIs of 1.x and 2.x) or 501. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof NacosError && (error.code === 404 || error.code === 410 || error.code === 501);
}

/** The parameter check says that no client can ask for this name (`NacosException.INVALID_PARAM`). */
export function isBadParameter(error: unknown): boolean {
  return error instanceof NacosError && error.code === 400;
}

export function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
