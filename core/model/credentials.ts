/** Stands in the place of a secret wherever a record, a status or an error is shown. */
export const secretMark = '[secret]';

/** Keys of metadata that hold secrets: Spring Boot Admin's clients, among others, register `user.password`. */
const credentialKey = /passw|passphrase|secret|token|credential|(?:api|access|private)[-_.]?key/i;
const authority = /:\/\/([^/?#\s]*)/g;
/** One parameter of a query, up to its value. */
const parameter = /[?&;#]([^?&;=#\s]{1,256})=/g;
/** JSON or a query, as Dubbo's `dubbo.metadata-service.url-params` has it with basic authentication. */
const namedPassword = /pass(?:word|wd)["']?\s{0,16}[:=]/i;

/** Whether the value under this key is a credential, which goes no further than its adapter. */
export function isCredentialKey(key: string): boolean {
  return credentialKey.test(key);
}

/** Whether an entry of a registry's metadata is a credential, or carries one: a URL with a password or a token, JSON that names one. */
export function isCredential(key: string, value: string): boolean {
  return isCredentialKey(key) || hasCredential(value);
}

/** Whether a text carries a credential, whatever its key is. Linear in the length of the text. */
export function hasCredential(value: string): boolean {
  if (namedPassword.test(value)) return true;
  if (!value.includes('://')) return false;
  for (const [, text = ''] of value.matchAll(authority)) {
    if (text.slice(0, Math.max(0, text.lastIndexOf('@'))).includes(':')) return true;
  }
  for (const [, name = ''] of value.matchAll(parameter)) if (isCredentialKey(name)) return true;
  return false;
}
