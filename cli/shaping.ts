import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../core/config/config.js';
import type { Engine } from '../core/engine/engine.js';
import { QuarantineDesk } from '../core/operate/quarantine-desk.js';
import { Quarantine, type QuarantineEntry } from '../core/shape/quarantine.js';
import { QuarantineFile } from '../core/shape/quarantine-file.js';
import { Shaper } from '../core/shape/shaper.js';
import { systemClock } from '../core/time/index.js';

export interface Shaping {
  readonly shaper: Shaper;
  readonly quarantine: Quarantine;
}

/** What a configuration says of the form of services. */
export function shapingOf(config: Config): Shaping {
  const quarantine = new Quarantine(config.quarantine.map(toEntry));
  const addresses = new Map(config.sources.map((source) => [source.name, source.addresses]));
  return { quarantine, shaper: new Shaper({ rules: config.shape, addresses, quarantine }) };
}

/** Where operators quarantine instances of a running engine. */
export function deskOf(config: Config, { quarantine }: Shaping, engine: Engine, logger: Logger): QuarantineDesk {
  return new QuarantineDesk({
    quarantine,
    file: new QuarantineFile(join(config.data, 'quarantine.json')),
    clock: systemClock,
    logger,
    reshape: (cause) => engine.reshape(cause),
    services: function* () {
      for (const { name, guarded } of engine.units) {
        for (const service of guarded.services.values()) yield [name, service] as const;
      }
    },
  });
}

function toEntry({ until, ...entry }: Config['quarantine'][number], index: number): QuarantineEntry {
  return { ...entry, id: `config-${index}`, untilMs: until, sinceMs: systemClock.now(), from: 'config' };
}
