import { join } from 'node:path';
import type { Change } from '../../core/catalog/catalog.js';
import { type Deps, linkSignal, StateFile } from '../../core/plugin/index.js';
import { Dependencies } from '../istio/dependencies.js';
import { decodeDependencies, encodeDependencies } from '../istio/dependency-records.js';
import { type InvalidSidecar, type SidecarOptions, SidecarSet } from '../istio/sidecars.js';
import type { KeyedResource, ResourceList } from './content.js';

export interface SidecarFeedOptions extends SidecarOptions {
  readonly trimAfterMs: number;
  readonly settleMs: number;
}

/** What operators see of it. */
export interface SidecarStatus {
  readonly resources: number;
  /** Dependencies that are declared no more, and go on counting. */
  readonly vanished: number;
  readonly invalidCount: number;
  readonly invalid: readonly InvalidSidecar[];
  /** Why what is known is not on disk. */
  readonly trouble?: string;
}

const maxFileBytes = 64 * 1024 * 1024;
const listed = 100;
const maxLogged = 1000;

/**
 * Keeps the Sidecars of applications by what they declare to consume. Nothing of it is told before what an earlier process
 * knew was read from the disk: after a restart an application sees what it saw before.
 */
export class SidecarFeed implements ResourceList {
  readonly #deps: Deps;
  readonly #dependencies: Dependencies;
  readonly #sidecars: SidecarSet;
  readonly #file: StateFile;
  readonly #logged = new Set<string>();
  readonly #onChanged: (changes: readonly KeyedResource[]) => void;
  /** What is to be looked at again before anything is told. */
  readonly #touched = new Set<string>();
  #isStarted = false;
  #wake: (() => void) | undefined;

  /** @param onChanged told of Sidecars that differ, perhaps none, whenever applications were looked at */
  constructor(
    { trimAfterMs, settleMs, ...options }: SidecarFeedOptions,
    deps: Deps,
    onChanged: (changes: readonly KeyedResource[]) => void,
  ) {
    this.#deps = deps;
    this.#onChanged = onChanged;
    this.#dependencies = new Dependencies({ trimAfterMs, settleMs, now: () => deps.clock.now() });
    this.#sidecars = new SidecarSet(options);
    this.#file = new StateFile({
      path: join(deps.dataDir, 'dependencies.log'),
      kind: 'mcp-dependencies-1',
      what: 'what applications depend on',
      snapshot: () => encodeDependencies(this.#dependencies.stored()),
      maxBytes: maxFileBytes,
      ...{ clock: deps.clock, logger: deps.logger },
    });
  }

  get revision(): number {
    return this.#sidecars.revision;
  }

  *all(): Generator<KeyedResource> {
    for (const { application, name, resource } of this.#sidecars.all()) yield { key: application, name, resource };
  }

  status(): SidecarStatus {
    const { state } = this.#file;
    const invalid: InvalidSidecar[] = [];
    for (const each of this.#sidecars.invalid()) if (invalid.length < listed) invalid.push(each);
    return {
      resources: this.#sidecars.size,
      vanished: this.#dependencies.vanishedCount,
      invalidCount: this.#sidecars.invalidCount,
      invalid,
      ...(state.state === 'failing' ? { trouble: state.cause } : {}),
    };
  }

  /** Reads what an earlier process knew. To be called before anything else. @throws the signal's reason */
  async load(signal: AbortSignal): Promise<void> {
    this.#dependencies.restore(decodeDependencies(await this.#file.load(signal)));
    for (const application of this.#dependencies.known) this.#touched.add(application);
  }

  /** Takes a change of the catalog; with the first, what is known is told. */
  take(change: Change): void {
    this.#note(this.#dependencies.apply(change));
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const { source, service } of this.#deps.consumers?.services() ?? []) this.#declare(source, service);
    this.#tell();
  }

  /** Follows declarations and time until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake?.();
    const { consumers, clock } = this.#deps;
    const end = consumers?.subscribe((source, service) => {
      if (this.#isStarted) this.#declare(source, service);
    });
    const writing = this.#file.run(signal);
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        this.#tell();
        const { nextMs } = this.#dependencies;
        const waitMs = nextMs === undefined ? undefined : nextMs - clock.now();
        if (waitMs !== undefined && waitMs <= 0) this.#note(this.#dependencies.expire());
        else await this.#wait(waitMs, signal);
      }
    } finally {
      signal.removeEventListener('abort', wake);
      end?.();
      await writing;
    }
  }

  #declare(source: string, service: string): void {
    const consumers = this.#deps.consumers?.of(source, service) ?? [];
    const names = consumers.map(({ application }) => application).filter(isName);
    this.#note(this.#dependencies.declare(source, service, new Set(names)));
    // A dependency that vanished, or an application that is new, changes when there is something to do next.
    this.#file.changed();
    this.#wake?.();
  }

  #note(applications: ReadonlySet<string>): void {
    for (const application of applications) this.#touched.add(application);
    if (applications.size === 0) return;
    this.#file.changed();
    this.#wake?.();
  }

  /** All that has changed in one turn of the event loop is told at once: an application declares its many services one by one. */
  #tell(): void {
    if (!this.#isStarted || this.#touched.size === 0) return;
    const touched = [...this.#touched];
    this.#touched.clear();
    const changes = this.#sidecars.set(touched.map((name) => [name, this.#dependencies.hostsOf(name)] as const));
    for (const application of touched) this.#log(application);
    this.#onChanged(changes.map(({ application, name, resource }) => ({ key: application, name, resource })));
  }

  #log(application: string): void {
    const reasons = this.#sidecars.reasonsOf(application);
    if (reasons.length === 0) return void this.#logged.delete(application);
    if (this.#logged.has(application) || this.#logged.size >= maxLogged) return;
    this.#logged.add(application);
    this.#deps.logger.warn(
      { application, reasons },
      'istiod would refuse the Sidecar of this application; it has none',
    );
  }

  async #wait(ms: number | undefined, signal: AbortSignal): Promise<void> {
    const { controller, release } = linkSignal(signal);
    const woken = controller.signal;
    this.#wake = () => controller.abort();
    if (ms === undefined) {
      await new Promise<void>((resolve) => woken.addEventListener('abort', () => resolve(), { once: true }));
    } else await this.#deps.clock.sleep(ms, woken).catch(() => undefined); // the loop looks at what has changed
    this.#wake = undefined;
    release();
  }
}

/** Registries hold whatever was put there. */
function isName(application: string): boolean {
  return application !== '' && application.length <= 1024 && !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(application);
}
