import type { NacosLogin } from './login.js';
import type { RequestCredentials, RequestSigner, SignedResource } from './signing.js';

/** The login and the access key of a source; either, both or none may be configured. */
export class NacosCredentials {
  readonly #login: NacosLogin;
  readonly #signer: RequestSigner | undefined;

  constructor(login: NacosLogin, signer: RequestSigner | undefined) {
    this.#login = login;
    this.#signer = signer;
  }

  /** Makes a request about `resource`; after a refusal once more with a new token, where that may help. */
  authorized<T>(resource: SignedResource, request: (credentials: RequestCredentials) => Promise<T>): Promise<T> {
    return this.#login.authorized((accessToken) =>
      request({
        accessToken,
        signed: this.#signer?.sign(resource) ?? {},
        signedAs: resource.kind === 'naming' ? 'parameters' : 'headers',
      }),
    );
  }
}
