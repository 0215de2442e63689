const labelPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const maxLabelLength = 63;
const maxNameLength = 253;

/** A DNS label in lower case (RFC 1123), as istiod wants namespaces and port names. */
export function isDnsLabel(text: string): boolean {
  return text.length <= maxLabelLength && labelPattern.test(text);
}

/** A DNS name of labels in lower case (RFC 1123): hosts, and what Kubernetes calls a DNS-1123 subdomain. */
export function isDnsName(text: string): boolean {
  return text.length <= maxNameLength && text.split('.').every(isDnsLabel);
}
