const secretKey = /passw|secret|token|credential|api[-_]?key|private[-_]?key/i;

/** Whether the value under this key may be a credential, which goes no further. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}
