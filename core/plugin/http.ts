/** What a plug-in may see of an HTTP request: parsed and bounded by the API server. */
export interface HttpRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON, or undefined without a body. */
  readonly body: unknown;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  /** Sent as JSON; absent for no body. */
  readonly body?: unknown;
}

export interface HttpRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below the API's root, with `:name` for parameters, as `/api/v1/registry/:source/services`. */
  readonly path: string;
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
  ) {
    super(detail ?? title);
  }
}
