import type { Place, Places } from './places.js';

/** What is read in one go, and again when an event tells that it has changed. */
export type Unit =
  | { readonly kind: 'root'; readonly root: number }
  /** Providers and configurators: what the instances of its services are made of. */
  | { readonly kind: 'interface'; readonly root: number; readonly name: string }
  /** Routers and consumers: what is known beside them. */
  | { readonly kind: 'surroundings'; readonly root: number; readonly name: string }
  | { readonly kind: 'applications' }
  | { readonly kind: 'application'; readonly name: string }
  | { readonly kind: 'rules' }
  | { readonly kind: 'rule'; readonly name: string }
  /** The list of a root's mappings. */
  | { readonly kind: 'mappings'; readonly root: number }
  /** Applications that provide an interface. */
  | { readonly kind: 'mapping'; readonly root: number; readonly name: string };

const letters = {
  root: 'R',
  interface: 'i',
  surroundings: 's',
  applications: 'A',
  application: 'a',
  rules: 'C',
  rule: 'c',
  mappings: 'M',
  mapping: 'm',
} as const;

/** A unit as a key of sets; {@link parseUnit} makes the unit of it again. */
export function unitKey(unit: Unit): string {
  const root = 'root' in unit ? unit.root : '';
  return `${letters[unit.kind]}${root}/${'name' in unit ? unit.name : ''}`;
}

export function parseUnit(key: string): Unit {
  const slash = key.indexOf('/');
  const root = Number(key.slice(1, slash));
  const name = key.slice(slash + 1);
  switch (key[0]) {
    case letters.root:
      return { kind: 'root', root };
    case letters.interface:
      return { kind: 'interface', root, name };
    case letters.surroundings:
      return { kind: 'surroundings', root, name };
    case letters.applications:
      return { kind: 'applications' };
    case letters.application:
      return { kind: 'application', name };
    case letters.rules:
      return { kind: 'rules' };
    case letters.mappings:
      return { kind: 'mappings', root };
    case letters.mapping:
      return { kind: 'mapping', root, name };
    default:
      return { kind: 'rule', name };
  }
}

/** What is to be read again when something at `place` has changed. */
export function unitsOf(place: Place): Unit[] {
  switch (place.kind) {
    case 'interface': {
      const { root, name, category } = place;
      const units: Unit[] = [];
      if (category === undefined || category === 'providers' || category === 'configurators') {
        units.push({ kind: 'interface', root, name });
      }
      if (category === undefined || category === 'routers' || category === 'consumers') {
        units.push({ kind: 'surroundings', root, name });
      }
      return units;
    }
    case 'application':
      return [{ kind: 'application', name: place.name }];
    default:
      return [place];
  }
}

/** What a unit is called where people read it. */
export function unitScope(unit: Unit, places: Places): string {
  switch (unit.kind) {
    case 'root':
      return places.roots[unit.root] ?? '';
    case 'interface':
    case 'surroundings':
      return unit.root === 0 ? unit.name : places.interface(unit.root, unit.name);
    case 'applications':
      return places.servicesRoot ?? '';
    case 'application':
      return `application ${unit.name}`;
    case 'rules':
      return places.rulesRoot ?? '';
    case 'rule':
      return `rule ${unit.name}`;
    case 'mappings':
      return places.mappings(unit.root);
    case 'mapping':
      return places.mapping(unit.root, unit.name);
  }
}
