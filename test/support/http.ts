import { type Dispatcher, request } from 'undici';

export interface HttpOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default 5 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** For TLS with authorities or certificates of its own. Default: undici's. */
  readonly dispatcher?: Dispatcher;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

/**
 * One HTTP request on a connection of its own, so that nothing stays open and a server that was restarted meanwhile is
 * never spoken to over a dead one.
 */
export async function http(url: string, options: HttpOptions = {}): Promise<HttpResponse> {
  const { method = 'GET', headers = {}, body, timeoutMs = 5000 } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await request(url, {
    method,
    headers: { ...headers },
    body: body ?? null,
    reset: true,
    ...(options.dispatcher && { dispatcher: options.dispatcher }),
    signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
  });
  return { status: response.statusCode, body: await response.body.text() };
}
