import { type BackoffOptions, backoffMs, type Clock, Secret } from '../../core/plugin/index.js';
import { isMalformedAnswer, type NacosHttp } from './http-client.js';
import { isRefused, isUnsupported, NacosError, toError } from './nacos-error.js';

/** 3.x first: it refuses the older path unless told otherwise. */
const paths = ['/v3/auth/user/login', '/v1/auth/login'];

/** A token that was just given is not at fault when the server refuses: then the user lacks the right. */
const freshMs = 10_000;
const defaultTtlSeconds = 18_000;
const maxTtlSeconds = 30 * 24 * 3600;

interface Login {
  readonly token: Secret;
  readonly atMs: number;
  /** From here on a new one is fetched, while this one still works. */
  readonly renewMs: number;
  readonly expiresMs: number;
}

/** Logins that failed in a row; none is tried again before `retryMs`. */
interface Refusal {
  readonly error: unknown;
  readonly atMs: number;
  readonly retryMs: number;
  readonly count: number;
}

export interface LoginOptions {
  readonly http: NacosHttp;
  readonly clock: Clock;
  /** Between logins that fail, however many requests ask for a token. */
  readonly backoff: BackoffOptions;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  /** Ends a login that is under way. It is shared by all who wait for it, so it is not theirs to end. */
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** Logs in by user and password, and keeps the access token fresh. Without a user there is no token. */
export class NacosLogin {
  readonly #options: LoginOptions;
  #login: Login | undefined;
  #pending: Promise<Login> | undefined;
  #refusal: Refusal | undefined;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /**
   * The token for the next request. It is renewed at about 80 % of its life, when somebody asks for it.
   *
   * @throws NacosError when the server refuses the login or cannot be asked, and the last token is over
   */
  async token(): Promise<string | undefined> {
    if (this.#options.username === undefined) return undefined;
    const now = this.#options.clock.now();
    const login = this.#login;
    if (login && now < login.renewMs && now >= login.atMs) return login.token.reveal();
    try {
      return (await this.#renew()).token.reveal();
    } catch (error) {
      if (!login || now >= login.expiresMs || now < login.atMs) throw error;
      return login.token.reveal();
    }
  }

  /** Makes a request with the token; after a refusal once more with a new one, where that may help. */
  async authorized<T>(request: (token: string | undefined) => Promise<T>): Promise<T> {
    const token = await this.token();
    try {
      return await request(token);
    } catch (error) {
      if (!isRefused(error) || !this.refused(token)) throw error;
      return await request(await this.token());
    }
  }

  /** The server refused `token`: forget it, unless it is so new that another would be refused as well. */
  refused(token: string | undefined): boolean {
    const login = this.#login;
    if (token === undefined || !login) return false;
    if (login.token.reveal() !== token) return true;
    const ageMs = this.#options.clock.now() - login.atMs;
    if (ageMs >= 0 && ageMs < freshMs) return false;
    this.#login = undefined;
    return true;
  }

  /** One login at a time, whoever asks, and after a failure none before its back-off is over. */
  #renew(): Promise<Login> {
    this.#pending ??= this.#tryRequest().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #tryRequest(): Promise<Login> {
    const { clock, backoff, random } = this.#options;
    const last = this.#refusal;
    const now = clock.now();
    if (last && now < last.retryMs && now >= last.atMs) throw last.error;
    try {
      const login = await this.#request();
      this.#refusal = undefined;
      return login;
    } catch (error) {
      const atMs = clock.now();
      const count = (last?.count ?? 0) + 1;
      this.#refusal = { error, atMs, retryMs: atMs + backoffMs(count - 1, backoff, random), count };
      throw error;
    }
  }

  async #request(): Promise<Login> {
    const { http, clock, username = '', password, signal, random = Math.random } = this.#options;
    const form = { username, password: password?.reveal() ?? '' };
    const failures: Error[] = [];
    for (const path of paths) {
      const atMs = clock.now();
      try {
        const { accessToken, tokenTtl } = await http.request({ path, form }, signal);
        if (typeof accessToken !== 'string' || accessToken === '') throw new NacosError('no token was given', 0);
        const ttlMs = ttlSeconds(tokenTtl) * 1000;
        this.#login = {
          token: new Secret(accessToken),
          atMs,
          renewMs: atMs + ttlMs * (0.75 + 0.1 * random()),
          expiresMs: atMs + ttlMs,
        };
        return this.#login;
      } catch (error) {
        signal.throwIfAborted();
        if (!isUnsupported(error)) throw refusal(username, error);
        failures.push(toError(error));
      }
    }
    throw refusal(username, failures.at(-1));
  }
}

function refusal(username: string, cause: unknown): NacosError {
  const code = cause instanceof NacosError ? cause.code : 0;
  const answered = code !== 0 || isMalformedAnswer(cause);
  const reason = toError(cause).message + (answered ? '; are user name and password right?' : '');
  return new NacosError(`cannot log in as ${JSON.stringify(username)}: ${reason}`, code, { cause });
}

function ttlSeconds(value: unknown): number {
  return typeof value === 'number' && value >= 1 && value <= maxTtlSeconds ? value : defaultTtlSeconds;
}
