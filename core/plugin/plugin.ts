import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import type { DeclaredConsumers } from '../source/declared-consumers.js';
import type { Source } from '../source/source.js';
import type { Clock } from '../time/index.js';
import type { HttpRoutes } from './http.js';

export type Stability = 'alpha' | 'beta' | 'stable';

/** What the daemon lends to every plug-in. */
export interface Deps {
  /** The configured name, as `dubbo-hz`. */
  readonly name: string;
  /** Already bound to the name. */
  readonly logger: Logger;
  readonly clock: Clock;
  /** A folder of the plug-in's own, made on demand by the plug-in. */
  readonly dataDir: string;
  readonly http: HttpRoutes;
  /** Where the part's own metrics are registered; label them with `source` or `sink` = {@link name}. */
  readonly metrics: Registry;
  /** What registries know of consumers; for sinks alone. */
  readonly consumers?: DeclaredConsumers;
}

/** What the daemon lends to a sink, beside that. */
export interface SinkDeps extends Deps {
  /** Name of this site: what is written carries it. */
  readonly site: string;
  /** Whether the catalog has what a source holds: it was read whole since the start. One that is not configured needs no reading. */
  isRead(source: string): boolean;
}

/**
 * A kind of registry or output. `schema` is a strict zod object of the keys that are the kind's own (`name`, `kind` and
 * the supervisor's keys are added by the loader); it does no I/O, and its JSON Schema is what `isthmus config schema` prints.
 */
export interface Plugin<Shape extends z.ZodObject, Part, PartDeps extends Deps = Deps> {
  readonly kind: string;
  readonly stability: Stability;
  readonly schema: Shape;
  /** Makes the part; does no I/O and starts nothing until the part runs. */
  create(config: z.output<Shape>, deps: PartDeps): Part;
}

/** An adapter: the plug-in that knows one kind of registry. */
export interface Adapter<Shape extends z.ZodObject = z.ZodObject> extends Plugin<Shape, Source> {
  /** Naming template for services that no rule of the configuration names, as `[{group|label}.]{interface}.dubbo`. */
  readonly defaultHost: string;
}

/** Keeps the types of `schema` and `create` together and gives them up at once, for lists of adapters of all kinds. */
export function defineAdapter<Shape extends z.ZodObject>(adapter: Adapter<Shape>): Adapter {
  return adapter as unknown as Adapter;
}
