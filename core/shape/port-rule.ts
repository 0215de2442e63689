import { matchesGlob } from '../catalog/glob.js';
import type { Port, Protocol } from '../model/index.js';

/** What becomes of a port of a service; the first rule that matches a port counts. */
export interface PortRule {
  /** Glob over the port's name; absent: each. */
  readonly name?: string | undefined;
  /** The number that mesh clients dial; absent: each. */
  readonly number?: number | undefined;
  /** New name. */
  readonly as?: string | undefined;
  readonly protocol?: Protocol | undefined;
  /** New number that mesh clients dial. */
  readonly dial?: number | undefined;
  readonly drop?: boolean | undefined;
}

export interface ShapedPorts {
  readonly ports: readonly Port[];
  /** Old name → new name, or undefined for one that is dropped; only what differs. */
  readonly renamed: ReadonlyMap<string, string | undefined>;
  /** Rules that could not be applied, as two ports of one name. */
  readonly problems: readonly string[];
}

/** Pure. A rule that would give two ports one name or number is not applied, and told of. */
export function shapePorts(ports: readonly Port[], rules: readonly PortRule[]): ShapedPorts {
  const renamed = new Map<string, string | undefined>();
  const problems: string[] = [];
  const shaped: Port[] = [];
  for (const port of ports) {
    const rule = rules.find(
      ({ name, number }) =>
        (name === undefined || matchesGlob(name, port.name)) && (number === undefined || number === port.number),
    );
    if (rule?.drop === true) {
      renamed.set(port.name, undefined);
      continue;
    }
    const wanted = rule === undefined ? port : withRule(port, rule);
    const others = [...shaped, ...ports.filter((other) => other !== port && !renamed.has(other.name))];
    const clash = others.find((other) => other.name === wanted.name || other.number === wanted.number);
    const isClash = clash !== undefined && wanted !== port;
    if (isClash)
      problems.push(`port ${port.name} cannot be ${wanted.name} on ${wanted.number}: ${clash.name} is there`);
    const next = isClash ? port : wanted;
    if (next.name !== port.name) renamed.set(port.name, next.name);
    shaped.push(next);
  }
  const isSame = shaped.length === ports.length && shaped.every((port, index) => port === ports[index]);
  return { ports: isSame ? ports : shaped, renamed, problems };
}

function withRule(
  port: Port,
  { as: name = port.name, protocol = port.protocol, dial: number = port.number }: PortRule,
): Port {
  const isSame = name === port.name && protocol === port.protocol && number === port.number;
  return isSame ? port : { name, number, protocol };
}
