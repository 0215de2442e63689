/** One instance as the clients of a registry want it there. */
export interface Entry {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** Counts up with each change; the weight that must be published is a hundred times as much. */
  readonly generation: number;
  /** False: registered, but not to be called. */
  readonly serving: boolean;
}

/** What a registry holds, or what is published: weight by `address:port` by host; only what may be called. */
export type Endpoints = ReadonlyMap<string, ReadonlyMap<string, number>>;

export function targetOf({ address, port }: Pick<Entry, 'address' | 'port'>): string {
  return `${address}:${port}`;
}

/** The entries that may be called, as {@link Endpoints}; a service that nobody serves is left out. */
export function endpointsOf(entries: Iterable<Entry>, hostOf: (service: string) => string): Endpoints {
  const hosts = new Map<string, Map<string, number>>();
  for (const entry of entries) {
    if (!entry.serving) continue;
    const host = hostOf(entry.service);
    const targets = hosts.get(host) ?? new Map<string, number>();
    hosts.set(host, targets.set(targetOf(entry), entry.generation * 100));
  }
  return hosts;
}

/** The first differences between what is wanted and what is published, in words; hosts of no concern are not looked at. */
export function differences(wanted: Endpoints, published: Endpoints, isOurs: (host: string) => boolean): string[] {
  const found: string[] = [];
  const hosts = new Set([...wanted.keys(), ...[...published.keys()].filter(isOurs)]);
  for (const host of hosts) {
    const expected = wanted.get(host) ?? new Map<string, number>();
    const actual = published.get(host) ?? new Map<string, number>();
    for (const [target, weight] of expected) {
      const seen = actual.get(target);
      if (seen === undefined) found.push(`${host} lacks ${target}`);
      else if (seen !== weight) found.push(`${host} ${target} has weight ${seen}, not ${weight}`);
    }
    for (const target of actual.keys()) if (!expected.has(target)) found.push(`${host} has ${target} still`);
  }
  return found;
}
