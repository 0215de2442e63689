import { dirname, resolve } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import {
  type Clock,
  type Deps,
  type Instance,
  type Service,
  type Source,
  type SourceOutput,
  sameInstance,
  sameService,
} from '../../core/plugin/index.js';
import { type FileConfig, pathsOf } from './config.js';
import { mergeFiles } from './merge-files.js';
import { Wakeup } from './wakeup.js';
import { WatchedFile } from './watched-file.js';

const readyTimeoutMs = 2000;

/**
 * Reads services from files and follows their changes. Watches the folders, not the files: an atomic rename and a
 * swapped link, as in a Kubernetes volume, put another file into the place. What a file said last stays while it is missing or bad.
 */
export class FileSource implements Source {
  readonly #config: FileConfig;
  readonly #deps: Deps;

  constructor(config: FileConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { maxBytes, settleMs, recheckMs } = this.#config;
    const { clock } = this.#deps;
    const files = pathsOf(this.#config).map((path) => new WatchedFile(path, { maxBytes, settleMs, clock }));
    const publication = new Publication(out);
    const wakeup = new Wakeup(clock);
    const watcher = this.#watch(files, () => wakeup.notify());
    try {
      await untilReady(watcher, clock, signal);
      for (;;) {
        let changed = false;
        for (const file of files) changed = (await file.refresh(signal)) || changed;
        if (changed) publication.update(files);
        await wakeup.wait(recheckMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await watcher.close();
    }
  }

  #watch(files: readonly WatchedFile[], onChange: () => void): FSWatcher {
    const paths = new Set(files.map(({ absolutePath }) => absolutePath));
    const folders = new Set([...paths].map((path) => dirname(path)));
    const ignored = (path: string) => !folders.has(resolve(path)) && !paths.has(resolve(path));
    const watcher = watch([...folders], { ignored, ignoreInitial: true, depth: 0, followSymlinks: false });
    watcher.on('all', onChange);
    // Looking every `recheckMs` goes on.
    watcher.on('error', (error) => this.#deps.logger.warn({ err: error }, 'watching the folder failed'));
    return watcher;
  }
}

/** Else a change between the first reading and the watch would be seen late. Gives up after {@link readyTimeoutMs}. */
async function untilReady(watcher: FSWatcher, clock: Clock, signal: AbortSignal): Promise<void> {
  const ready = new Wakeup(clock);
  watcher.once('ready', () => ready.notify());
  await ready.wait(readyTimeoutMs, signal);
}

/** What was published in one run, so that only what differs is published again. */
class Publication {
  readonly #out: SourceOutput;
  #published: ReadonlyMap<string, Service> | undefined;
  readonly #degraded = new Set<string>();

  constructor(out: SourceOutput) {
    this.#out = out;
  }

  /** Publishes once every file was good once; tells of each file what is wrong with it. */
  update(files: readonly WatchedFile[]): void {
    const read = files.flatMap(({ path, services }) => (services ? [{ path, services }] : []));
    const { services, clashes } = mergeFiles(read);
    if (read.length === files.length) this.#publish(services);
    for (const { path, error } of files) {
      const scope = files.length === 1 ? undefined : path;
      const reason = error ?? clashes.get(path);
      if (reason) this.#out.degraded(reason, scope);
      else if (this.#degraded.has(path)) this.#out.recovered(scope);
      if (reason) this.#degraded.add(path);
      else this.#degraded.delete(path);
    }
  }

  #publish(services: ReadonlyMap<string, Service>): void {
    const before = this.#published;
    if (!before) {
      this.#published = services;
      this.#out.replaceAll(services.values());
      return;
    }
    const after = new Map<string, Service>();
    for (const service of services.values()) {
      const known = before.get(service.name);
      const kept = known ? keepInstances(service, known) : service;
      after.set(service.name, kept);
      if (kept !== known) this.#out.upsert(kept);
    }
    for (const name of before.keys()) if (!after.has(name)) this.#out.remove(name);
    this.#published = after;
  }
}

/** The known service when nothing changed; else the new one with the very instances that did not. */
function keepInstances(service: Service, known: Service): Service {
  if (sameService(service, known) && sameRejections(service, known)) return known;
  const byId = new Map<string, Instance>(known.instances.map((instance) => [instance.id, instance]));
  const instances = service.instances.map((instance) => {
    const old = byId.get(instance.id);
    return old && sameInstance(old, instance) ? old : instance;
  });
  return { ...service, instances };
}

function sameRejections(a: Service, b: Service): boolean {
  return JSON.stringify(a.rejected ?? []) === JSON.stringify(b.rejected ?? []);
}
