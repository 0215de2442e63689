/** What a plug-in may see of an HTTP request: parsed and bounded by the API server. */
export interface HttpRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON, or undefined without a body. */
  readonly body: unknown;
  /** The Accept header; empty without one. */
  readonly accept: string;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  /** Sent as JSON; absent for no body. */
  readonly body?: unknown;
  /** In place of `body`: what is JSON already. */
  readonly json?: string;
}

export interface HttpRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below the API's root, with `:name` for parameters, as `/api/v1/registry/:source/services`. */
  readonly path: string;
  /**
   * The route is of another registry's interface, so that its clients can be pointed here unchanged: its path begins with
   * a name of its own, as `/eureka`, instead of `/api/v1`, and may end with a slash; bodies may be compressed with gzip,
   * and the API's token may come as the password of HTTP basic authentication.
   */
  readonly foreign?: true;
  handle(request: HttpRequest): Promise<HttpReply> | HttpReply;
}

/** The API server, as plug-ins see it: routes are added before it listens. */
export interface HttpRoutes {
  add(route: HttpRoute): void;
}

/** Thrown by a handler for an error that the caller made; it becomes `application/problem+json` (RFC 9457). */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail?: string,
    /** Members of the problem beside those of the RFC. */
    readonly extension?: Readonly<Record<string, unknown>>,
  ) {
    super(detail ?? title);
  }
}
