/** Kinds of resources that the sink fills. */
export const kinds = ['ServiceEntry', 'Sidecar'] as const;
export type Kind = (typeof kinds)[number];

/** `networking.istio.io/v1/ServiceEntry`, whichever the version of the API: the answer echoes the one that was asked. */
const filled = /^networking\.istio\.io\/v[1-9][0-9]?(?:(?:alpha|beta)[1-9][0-9]?)?\/(ServiceEntry|Sidecar)$/;
const knownGroup = /^(?:core|networking\.istio\.io|security\.istio\.io|telemetry\.istio\.io|extensions\.istio\.io)\//;

/** Which kind of resource a type URL asks for; undefined: one that the sink does not fill. */
export function kindOf(typeUrl: string): Kind | undefined {
  return filled.exec(typeUrl)?.[1] as Kind | undefined;
}

/** The type as a metric's label: peers choose type URLs, and must not choose how many series there are. */
export function typeLabel(typeUrl: string): string {
  return kindOf(typeUrl) ?? (knownGroup.test(typeUrl) ? 'unfilled' : 'unknown');
}
