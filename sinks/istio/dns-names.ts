const labelPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const maxLabelLength = 63;
const maxNameLength = 253;

/** A DNS label in lower case (RFC 1123), as istiod wants namespaces and port names. */
export function isDnsLabel(text: string): boolean {
  return text.length <= maxLabelLength && labelPattern.test(text);
}

/**
 * A DNS name of labels in lower case (RFC 1123), as hosts are. The last label must not be a number: istiod refuses it,
 * for the name would be taken for an IPv4 address.
 */
export function isDnsName(text: string): boolean {
  if (text.length > maxNameLength) return false;
  const labels = text.split('.');
  return labels.every(isDnsLabel) && !/^[0-9]+$/.test(labels.at(-1) ?? '');
}
