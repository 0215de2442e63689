/** Type URLs by which istiod's versions ask for ServiceEntries; the answer echoes the one that was asked. */
export const serviceEntryTypes: readonly string[] = [
  'networking.istio.io/v1/ServiceEntry',
  'networking.istio.io/v1beta1/ServiceEntry',
  'networking.istio.io/v1alpha3/ServiceEntry',
];

const knownGroup = /^(?:core|networking\.istio\.io|security\.istio\.io|telemetry\.istio\.io|extensions\.istio\.io)\//;

/** The type as a metric's label: peers choose type URLs, and must not choose how many series there are. */
export function typeLabel(typeUrl: string): string {
  if (serviceEntryTypes.includes(typeUrl)) return 'ServiceEntry';
  return knownGroup.test(typeUrl) ? 'unfilled' : 'unknown';
}
