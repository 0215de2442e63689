import { isProtocol, type Port, servicePortNumbers } from '../../core/plugin/index.js';

/** Why a service cannot have these ports, in words for the caller. */
export interface PortConflict {
  readonly conflict: string;
}

/** The service-side port of a name that is a protocol: its number depends on the name alone. */
export function defaultPort(name: string): Port | undefined {
  return isProtocol(name) ? { name, number: servicePortNumbers[name], protocol: name } : undefined;
}

/**
 * The ports of a service nobody has declared, with those of one more instance: known ones stay as they are, new ones
 * take the default of the protocol they are named after.
 */
export function withPorts(known: readonly Port[], names: Iterable<string>): readonly Port[] | PortConflict {
  const ports = [...known];
  for (const name of names) {
    if (ports.some((port) => port.name === name)) continue;
    const port = defaultPort(name);
    if (!port) {
      return { conflict: `port ${name} is not named after a protocol: declare the service and its ports first` };
    }
    const clash = ports.find(({ number }) => number === port.number);
    if (clash) {
      return {
        conflict: `ports ${clash.name} and ${name} would both be ${port.number}: declare the service and its ports first`,
      };
    }
    ports.push(port);
  }
  return ports.length === known.length ? known : ports.sort((a, b) => (a.name < b.name ? -1 : 1));
}
