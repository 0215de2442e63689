import { pino } from 'pino';
import { MetadataKeeper } from '../../../adapters/dubbo/metadata-service/metadata-keeper.js';
import { zookeeperSchema } from '../../../adapters/zookeeper/config.js';
import { Follower, type WatchMode } from '../../../adapters/zookeeper/follower.js';
import { Places } from '../../../adapters/zookeeper/places.js';
import { BatchSupport } from '../../../adapters/zookeeper/read-batcher.js';
import { RegistryState } from '../../../adapters/zookeeper/registry-state.js';
import { ManualClock, Recorder } from '../../../testkit/index.js';
import type { FakeTree } from './fake-tree.js';
import type { RawConfig } from './support.js';

/** What outlives connections, and a follower for each of them, on a clock that stands still. */
export class Following {
  readonly clock = new ManualClock();
  readonly recorder = new Recorder();
  readonly state: RegistryState;
  readonly places: Places;
  readonly #tree: FakeTree;
  readonly #watch: WatchMode;
  readonly #ended = new AbortController();
  #lost = new AbortController();
  #follower: Follower | undefined;
  readonly #keeper: MetadataKeeper | undefined;

  constructor(tree: FakeTree, dubbo: RawConfig['dubbo'] = {}, watch: WatchMode = 'recursive') {
    const config = zookeeperSchema.parse({ servers: ['127.0.0.1:1'], dubbo }).dubbo;
    this.#tree = tree;
    this.#watch = watch;
    this.state = new RegistryState(['/dubbo'], config);
    this.places = new Places({
      chroot: '',
      roots: ['/dubbo'],
      servicesRoot: config.discovery === 'interface' ? undefined : config.servicesRoot,
      configRoot: undefined,
      withMappings: this.state.mapping !== undefined,
    });
    if (config.discovery === 'interface') return;
    this.#keeper = new MetadataKeeper({
      readReport: async (application, revision) =>
        (await tree.connection.findData(`/dubbo/metadata/${application}/${revision}`, false))?.data.toString('utf8'),
      onArrival: (application) => this.#follower?.metadataArrived(application),
      onFailure: (application, _revision, error) => this.#follower?.metadataFailed(application, error),
      clock: this.clock,
      signal: this.#ended.signal,
    });
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** The connection is lost. */
  lose(): void {
    this.#lost.abort(new Error('the connection was lost'));
    this.#tree.forgetWatches();
  }

  /** A follower over a new connection, not started yet. */
  connect(): Follower {
    this.#lost = new AbortController();
    this.#follower = new Follower({
      connection: this.#tree.connection,
      out: this.recorder,
      watch: this.#watch,
      reads: { interfaces: true, rules: true, consumers: true },
      keeper: this.#keeper,
      coldUntilMs: this.clock.now() + 300_000,
      concurrency: 8,
      batches: new BatchSupport(),
      logger: pino({ level: 'silent' }),
      signal: this.#lost.signal,
      ...{ places: this.places, state: this.state, clock: this.clock },
    });
    return this.#follower;
  }

  /** Lets everything happen that can at this time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await this.clock.advance(0);
  }

  end(): void {
    this.#lost.abort(new Error('the end'));
    this.#ended.abort(new Error('the end'));
  }
}
