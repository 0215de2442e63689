import { join } from 'node:path';
import { type Deps, StateFile } from '../../core/plugin/index.js';
import { decodeGone, encodeGone } from './tombstone-records.js';
import { Tombstones } from './tombstones.js';

/** How long an instance that was told gone stays away while another server lists it. */
const keepAwayMs = 600_000;

/** The tombstones and their file: what was told gone is known after a restart, too. */
export class StoredTombstones {
  readonly tombstones: Tombstones;
  readonly #deps: Pick<Deps, 'clock'>;
  readonly #file: StateFile;
  #isLoaded = false;

  constructor(deps: Pick<Deps, 'dataDir' | 'clock' | 'logger'>) {
    this.#deps = deps;
    this.#file = new StateFile({
      path: join(deps.dataDir, 'tombstones.log'),
      kind: 'eureka-tombstones-1',
      what: 'what was told gone',
      snapshot: () => encodeGone(this.tombstones.list()),
      ...{ clock: deps.clock, logger: deps.logger },
    });
    this.tombstones = new Tombstones(keepAwayMs, () => this.#file.changed());
  }

  /** Why it is not on disk now; undefined when it is. */
  get trouble(): string | undefined {
    const { state } = this.#file;
    return state.state === 'failing' ? state.cause : undefined;
  }

  /** Reads what an earlier process knew; later calls do nothing. @throws the signal's reason */
  async load(signal: AbortSignal): Promise<void> {
    if (this.#isLoaded) return;
    const texts = await this.#file.load(signal);
    this.tombstones.restore(decodeGone(texts), this.#deps.clock.now());
    this.#isLoaded = true;
  }

  /** Writes what becomes known, until `signal` aborts. Never rejects. */
  write(signal: AbortSignal): Promise<void> {
    return this.#file.run(signal);
  }
}
