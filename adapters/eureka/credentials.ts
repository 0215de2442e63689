/** Keys of metadata that hold secrets. Spring Boot Admin's clients, among others, register `user.password`. */
export const credentialKey = /passw|secret|token|credential|api[._-]?key|private[._-]?key/i;

/** A URL with a password in it, as that of a management port may be. */
export const credentialValue = /:\/\/[^/?#\s@]*:[^/?#\s]*@/;
