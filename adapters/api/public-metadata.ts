/** Keys under which clients register credentials: Spring Boot Admin's, among others, `user.password`. */
const credentialKey = /passw|secret|token|credential|api[._-]?key|private[._-]?key/i;
/** A URL with a password in it. */
const credentialValue = /:\/\/[^/?#\s@]*:[^/?#\s]*@/;

/** Metadata without what looks like a credential. */
export function publicMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).filter(([key, value]) => !credentialKey.test(key) && !credentialValue.test(value)),
  );
}
