import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpProblem, type Secret } from '../../core/plugin/index.js';

/** The parts of a request that decide whether it is let in. */
export interface GuardedRequest {
  readonly method: string;
  /** As sent: path and query, nothing decoded. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface GuardOptions {
  /** The host part of the address that the server listens on. */
  readonly listenHost: string;
  /** Lower case, without a port. */
  readonly allowedHosts: readonly string[];
  readonly token?: Secret;
  /** First parts of paths, as `eureka`, whose clients may send the token as the password of basic authentication. */
  readonly basicAuthNames?: ReadonlySet<string>;
}

/** Paths open to whoever can connect: orchestrators that probe carry no token. */
const openPaths = new Set(['/healthz', '/readyz']);
const overrideHeaders = ['x-http-method-override', 'x-http-method', 'x-method-override'];
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Escaped slash, backslash, dot, percent and control characters: what reads a path twice would read differently. */
const ambiguousEscape = /%(?:2f|5c|2e|25|0[0-9a-f]|1[0-9a-f]|7f)/i;
const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/;

/**
 * Makes the check that every request passes first; it throws an `HttpProblem` for one that is not let in. No header but
 * Host, Origin, Sec-Fetch-Site and Authorization has a say: who a caller is can't be claimed.
 */
export function createRequestGuard({
  listenHost,
  allowedHosts,
  token,
  basicAuthNames = new Set(),
}: GuardOptions): (request: GuardedRequest) => void {
  const hostIsAllowed = hostCheck(listenHost, allowedHosts);
  const expected = token && digest(token.reveal());
  return (request) => {
    checkPath(request.url);
    if (!hostIsAllowed(request.headers['host'])) {
      throw new HttpProblem(
        403,
        'Forbidden',
        'the Host header names no host this API answers for; see api.allowedHosts',
      );
    }
    if (overrideHeaders.some((name) => request.headers[name] !== undefined)) {
      throw new HttpProblem(400, 'Bad Request', 'the method cannot be overridden');
    }
    if (!safeMethods.has(request.method)) checkNotCrossSite(request.headers);
    const path = request.url.split('?', 1)[0] ?? '';
    if (expected && !openPaths.has(path)) {
      checkToken(request.headers, expected, basicAuthNames.has(path.split('/', 2)[1] ?? ''));
    }
  };
}

function checkPath(url: string): void {
  const path = url.split('?', 1)[0] ?? '';
  const isOdd = path.includes('\\') || path.includes(';') || path.includes('//') || ambiguousEscape.test(path);
  if (isOdd || path.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new HttpProblem(400, 'Bad Request', 'the path is ambiguous');
  }
}

/** On a loopback address only the loopback names: a page of another site can't make its own name lead here (DNS rebinding). */
function hostCheck(listenHost: string, allowedHosts: readonly string[]): (header: unknown) => boolean {
  const onLoopback = isLoopback(listenHost.toLowerCase());
  if (!onLoopback && allowedHosts.length === 0) return () => true;
  return (header) => {
    const host = typeof header === 'string' ? hostPattern.exec(header.toLowerCase())?.[1] : undefined;
    if (host === undefined) return false;
    return (onLoopback && isLoopback(host.replace(/^\[|\]$/g, ''))) || allowedHosts.includes(host);
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

/** Browsers tell where a request comes from; tools that are no browsers send neither header. */
function checkNotCrossSite(headers: GuardedRequest['headers']): void {
  const site = headers['sec-fetch-site'];
  const origin = headers['origin'];
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  const isForeignOrigin = typeof origin === 'string' && origin.replace(/^https?:\/\//, '') !== headers['host'];
  if (isForeignSite || isForeignOrigin) throw new HttpProblem(403, 'Forbidden', 'the request comes from another site');
}

/** Basic is never asked for, so that no browser keeps it and sends it along for another site's page. */
function checkToken(headers: GuardedRequest['headers'], expected: Buffer, basicToo: boolean): void {
  const header = headers['authorization'];
  const text = typeof header === 'string' ? header : '';
  const basic = basicToo ? /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(text)?.[1] : undefined;
  const password = basic && Buffer.from(basic, 'base64').toString('utf8').split(':').slice(1).join(':');
  const given = /^Bearer +([^\s]+)$/i.exec(text)?.[1] ?? password;
  if (given === undefined || !timingSafeEqual(digest(given), expected)) {
    throw new HttpProblem(401, 'Unauthorized', 'send the header Authorization: Bearer TOKEN');
  }
}

/** Equal in length whatever is compared, so that the time taken tells nothing. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
