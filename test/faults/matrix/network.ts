import type { Link } from '../bed/link.js';
import type { Fault, FaultContext } from '../plan/fault.js';
import { registryKinds } from '../registries/registry.js';

/** A moment, and longer than any session, lease of a connection or wait of the sources as the bed configures them. */
const durationsMs = [1000, 6000];

function onLinks(
  id: string,
  title: string,
  invariants: string,
  act: (link: Link, context: FaultContext) => Promise<void>,
  choose: (context: FaultContext) => readonly Link[] = ({ registry }) => registry.links,
): Fault {
  return {
    ...{ id, title, invariants, durationsMs, on: 'registry', kinds: registryKinds },
    async inject(context) {
      const links = choose(context);
      await Promise.all(links.map((link) => act(link, context)));
      return { run: async () => void (await Promise.all(links.map((link) => link.heal()))) };
    },
  };
}

/** Faults between a registry and the daemon; all of its servers at once unless it says otherwise. */
export const networkFaults: readonly Fault[] = [
  onLinks('black-hole', 'black hole', 'I1 I2 I8', (link) => link.blackHole('both')),
  onLinks('black-hole-up', 'black hole, to the registry only', 'I1 I2 I8', (link) => link.blackHole('up')),
  onLinks('black-hole-down', 'black hole, from the registry only', 'I1 I2 I8', (link) => link.blackHole('down')),
  onLinks(
    'black-hole-one',
    'black hole towards one server',
    'I1 I2',
    (link) => link.blackHole('both'),
    ({ registry, random }) => [random.pick(registry.links)],
  ),
  onLinks('half-dead', 'every other connection a black hole', 'I1 I2', (link) => link.blackHole('both', 0.5)),
  onLinks('delay', 'delay of 0 to 800 ms each way, in small pieces', 'I1 I4', (link) => link.delay(400)),
  onLinks('refuse', 'connections closed and refused', 'I1 I2', (link) => link.refuse()),
  onLinks('reset', 'each connection reset after 200 ms', 'I1 I2 I9', (link) => link.resetAfter(200)),
  onLinks('cut', 'each connection cut in the middle of an answer', 'I1 I2', (link, { random }) =>
    link.cutAfter(random.between(50, 20_000)),
  ),
];
