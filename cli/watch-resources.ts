import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type InstanceResource, type ServiceResource, toInstanceResources } from '../core/api/resources.js';
import type { SourceStatus } from '../core/source/status.js';
import type { ApiClient, ListFilter } from './api-client.js';
import type { Printer } from './output/printer.js';
import type { View } from './output/view.js';

const sourcesIntervalMs = 2000;

function keyOf<Item>(view: View<Item>, item: Item): string {
  return view.key?.(item) ?? view.name(item);
}

/** What is known of the resources, to tell what changed. */
class Known<Item> {
  readonly #items = new Map<string, Item>();
  readonly #view: View<Item>;
  readonly #printer: Printer<Item>;

  constructor(view: View<Item>, printer: Printer<Item>) {
    this.#view = view;
    this.#printer = printer;
  }

  /** Prints how `now` differs from what is known of `scope`; without a scope it is everything. */
  update(now: readonly Item[], known: Iterable<string> = this.#items.keys()): void {
    const names = new Set(now.map((item) => keyOf(this.#view, item)));
    const gone = [...known].filter((name) => !names.has(name)).flatMap((name) => this.#items.get(name) ?? []);
    const changed = now.filter((item) => !isDeepStrictEqual(this.#items.get(keyOf(this.#view, item)), item));
    for (const item of gone) this.#items.delete(keyOf(this.#view, item));
    for (const item of changed) this.#items.set(keyOf(this.#view, item), item);
    this.#printer.changed(changed);
    this.#printer.removed(gone);
  }
}

/** Asks for the sources again and again: their state changes with time alone, so nobody could push it. */
export async function watchSources(
  client: ApiClient,
  matches: (source: SourceStatus) => boolean,
  view: View<SourceStatus>,
  printer: Printer<SourceStatus>,
  signal: AbortSignal,
): Promise<void> {
  const known = new Known(view, printer);
  while (!signal.aborted) {
    known.update((await client.sources(signal)).filter(matches));
    await delay(sourcesIntervalMs, undefined, { signal }).catch(() => undefined); // an abort ends the loop
  }
}

/** Follows the services, and shows of each what `expand` makes of it: itself, or its instances. */
async function follow<Item>(
  client: ApiClient,
  filter: ListFilter,
  view: View<Item>,
  printer: Printer<Item>,
  expand: (service: ServiceResource) => readonly Item[],
  signal: AbortSignal,
): Promise<void> {
  const known = new Known(view, printer);
  const namesOf = new Map<string, readonly string[]>();
  let first: Item[] | undefined;
  const tell = (host: string, items: readonly Item[]) => {
    known.update(items, namesOf.get(host) ?? []);
    if (items.length === 0) namesOf.delete(host);
    else
      namesOf.set(
        host,
        items.map((item) => keyOf(view, item)),
      );
  };
  for await (const event of client.watchServices(filter, signal)) {
    if (event.type === 'reset') {
      first = [];
    } else if (event.type === 'upsert') {
      const items = expand(event.service);
      if (first) {
        first.push(...items);
        namesOf.set(
          event.service.host,
          items.map((item) => keyOf(view, item)),
        );
      } else {
        tell(event.service.host, items);
      }
    } else if (event.type === 'remove') {
      tell(event.host, []);
    } else if (event.type === 'sync' && first) {
      // All at once, so that the columns fit.
      known.update(first);
      first = undefined;
    }
  }
}

export function watchServices(
  client: ApiClient,
  filter: ListFilter,
  view: View<ServiceResource>,
  printer: Printer<ServiceResource>,
  signal: AbortSignal,
): Promise<void> {
  return follow(client, filter, view, printer, (service) => [service], signal);
}

export function watchInstances(
  client: ApiClient,
  filter: ListFilter,
  view: View<InstanceResource>,
  printer: Printer<InstanceResource>,
  signal: AbortSignal,
): Promise<void> {
  const isWanted = ({ source }: InstanceResource) => filter.source === undefined || source === filter.source;
  return follow(client, filter, view, printer, (service) => [...toInstanceResources(service)].filter(isWanted), signal);
}
