import { rm, writeFile } from 'node:fs/promises';
import type { Service } from '../model/index.js';
import { Breather } from '../store/breather.js';
import { fileMode } from '../store/folder.js';
import { LogFile } from '../store/log-file.js';
import { type LogPosition, maxRecordBytes } from '../store/log-format.js';
import { encodePut, encodeRemove, encodeTrust } from './source-records.js';
import type { StoredTrust } from './warm-store.js';

/** A log is written anew when it has this much beyond twice what counts of it. */
const slackBytes = 4 * 1024 * 1024;

interface Entry {
  readonly service: Service;
  /** Of its record. */
  readonly bytes: number;
}

/** Of the mark that says that a log has all there was, but for the last moments. */
export function markOf(path: string): string {
  return `${path}.current`;
}

/**
 * What is kept of one source: the services as they are to be on disk, and what of that is not yet there. A change costs
 * a record of its service; when most of the file is outdated, a new one is written beside it and put in its place.
 *
 * An empty file beside the log is its mark. It is removed when changes cannot be written, which a full disk still allows,
 * so that what stands there is not taken for what was published last.
 */
export class SourceLog {
  readonly #path: string;
  readonly #kind: string;
  readonly #services = new Map<string, Entry>();
  #liveBytes = 0;
  #trust: StoredTrust | undefined;
  /** Of these, what is gone is in {@link #services} or in the batch that is being written: it has to be told. */
  #changed = new Map<string, Service | undefined>();
  /** The batch that is being written. */
  #writing: ReadonlyMap<string, Service | undefined> = new Map();
  #newTrust: StoredTrust | undefined;
  #file: LogFile | undefined;
  /** Where a file that stands on disk goes on; undefined when the next write begins a new one. */
  #resume: LogPosition | undefined;
  /** Size that the file has to have before it is written anew. */
  #rewriteAtBytes = 0;
  /** What the file had at the start was older than what was published, and nothing newer was said to be whole. */
  #isOlder = false;
  #isMarked: boolean | undefined;
  #marking: Promise<void> = Promise.resolve();

  constructor(path: string, kind: string) {
    this.#path = path;
    this.#kind = kind;
  }

  /**
   * Takes what was read from the disk.
   * @param resume undefined: that file is not to be gone on with
   * @param isOlder whether more than that was published
   */
  restore(services: Iterable<Entry>, trust: StoredTrust, resume: LogPosition | undefined, isOlder: boolean): void {
    for (const entry of services) this.#set(entry.service.name, entry);
    this.#trust = trust;
    this.#isOlder = isOlder;
    this.#resume = resume;
    if (!resume) this.#keepForNextTime();
  }

  put(service: Service): void {
    this.#changed.set(service.name, service);
  }

  remove(name: string): void {
    if (this.#services.has(name) || this.#writing.has(name)) this.#changed.set(name, undefined);
    else this.#changed.delete(name);
  }

  setTrust(trust: StoredTrust): void {
    if (trust.confirmedMs > (this.#trust?.confirmedMs ?? Number.NEGATIVE_INFINITY)) this.#isOlder = false;
    this.#newTrust = trust;
  }

  get hasWork(): boolean {
    return this.#changed.size > 0 || this.#newTrust !== undefined;
  }

  /** Services of which the change is not on disk yet, but for those that are being written. */
  get waiting(): number {
    return this.#changed.size;
  }

  get fileBytes(): number {
    return this.#file?.bytes ?? this.#resume?.bytes ?? 0;
  }

  /** What the records of all services will come to, about, once what changed is written. */
  projectedBytes(): number {
    let bytes = this.#liveBytes;
    for (const [name, service] of this.#changed) {
      bytes += (service ? estimateBytes(service) : 0) - (this.#services.get(name)?.bytes ?? 0);
    }
    return bytes;
  }

  /** Writes what changed, as one batch. @throws what the file system throws; the changes are kept for the next time */
  async write(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      this.#keepForNextTime();
      await this.behind();
      throw error;
    }
    if (!this.#isOlder) await this.#mark(true);
  }

  /** Makes what was written outlast a power loss. @throws what the file system throws; the next write begins a new file */
  async sync(): Promise<void> {
    const file = this.#file;
    if (!file || file.isSynced) return;
    try {
      await file.sync();
    } catch (error) {
      if (!(await file.recover(error))) this.#file = undefined;
      this.#keepForNextTime();
      await this.behind();
      throw error;
    }
  }

  /** What changes is not written for now: what stands on disk is not what was published last. Never rejects. */
  behind(): Promise<void> {
    return this.#mark(false);
  }

  /** One after the other. What fails is tried again with the next write. */
  #mark(isCurrent: boolean): Promise<void> {
    if (this.#isMarked === isCurrent) return this.#marking;
    this.#isMarked = isCurrent;
    const path = markOf(this.#path);
    this.#marking = this.#marking
      .then(() => (isCurrent ? writeFile(path, '', { mode: fileMode }) : rm(path, { force: true })))
      .catch(() => {
        this.#isMarked = undefined; // without the mark, the log is only believed later
      });
    return this.#marking;
  }

  async #write(): Promise<void> {
    const file = await this.#open();
    if (file) {
      await this.#append(file);
      if (file.bytes <= Math.max(2 * this.#liveBytes + slackBytes, this.#rewriteAtBytes)) return;
      // If this fails, the old file is as good as before; it is not tried again for every change.
      this.#rewriteAtBytes = file.bytes + slackBytes;
    } else {
      this.#absorb();
    }
    await this.#rewrite();
    this.#rewriteAtBytes = 0;
  }

  /** Takes what changed without writing it; the file stays as it is, and the next write begins a new one. */
  async suspend(): Promise<void> {
    this.#absorb();
    this.#resume = undefined;
    await this.behind();
    await this.close();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #open(): Promise<LogFile | undefined> {
    if (this.#file || !this.#resume) return this.#file;
    const resume = this.#resume;
    this.#resume = undefined; // when it fails, a new file is begun
    this.#file = await LogFile.resume(this.#path, resume);
    return this.#file;
  }

  async #append(file: LogFile): Promise<void> {
    const [changed, trust] = [this.#changed, this.#newTrust];
    this.#changed = new Map();
    this.#newTrust = undefined;
    this.#writing = changed;
    const written = new Map<string, Entry | undefined>();
    try {
      const breather = new Breather();
      for (const [name, service] of changed) {
        const payload = service === undefined ? encodeRemove(name) : encodePut(service);
        if (payload.length > maxRecordBytes) continue; // what was known of it stays: old, and not wrong
        await file.append(payload);
        written.set(name, service && { service, bytes: payload.length });
        if (breather.isDue) await breather.breathe();
      }
      if (trust) await file.append(encodeTrust(trust));
      await file.commit();
    } catch (error) {
      this.#takeBack(changed);
      this.#newTrust ??= trust;
      if (!(await file.recover(error))) this.#file = undefined;
      throw error;
    }
    this.#writing = new Map();
    for (const [name, entry] of written) this.#set(name, entry);
    this.#trust = trust ?? this.#trust;
  }

  /** What was not written changed before what came meanwhile. What came and went is not told. */
  #takeBack(unwritten: ReadonlyMap<string, Service | undefined>): void {
    const later = this.#changed;
    this.#changed = new Map(unwritten);
    this.#writing = new Map();
    for (const [name, service] of later) {
      if (service === undefined) this.remove(name);
      else this.put(service);
    }
  }

  /** A new file with all that counts, as one batch: no reader ever sees a part of it. */
  async #rewrite(): Promise<void> {
    const next = await LogFile.create(this.#path, this.#kind).catch((error: unknown) => {
      this.#keepForNextTime();
      throw error;
    });
    try {
      const breather = new Breather();
      for (const [name, { service }] of [...this.#services]) {
        const payload = encodePut(service);
        if (payload.length > maxRecordBytes) continue;
        await next.append(payload);
        this.#set(name, { service, bytes: payload.length });
        if (breather.isDue) await breather.breathe();
      }
      if (this.#trust) await next.append(encodeTrust(this.#trust));
      await next.commit();
    } catch (error) {
      await next.discard();
      this.#keepForNextTime();
      throw error;
    }
    const old = this.#file;
    this.#file = undefined;
    try {
      await next.publish();
    } catch (error) {
      // Which of the two files has the name is not known: the next write begins another.
      await next.discard();
      await old?.close().catch(() => undefined);
      this.#keepForNextTime();
      throw error;
    }
    this.#file = next;
    await old?.close();
  }

  /** What changed is what there is, though no file has it. */
  #absorb(): void {
    for (const [name, service] of this.#changed) {
      this.#set(name, service && { service, bytes: estimateBytes(service) });
    }
    this.#changed = new Map();
    this.#trust = this.#newTrust ?? this.#trust;
    this.#newTrust = undefined;
  }

  /** There is work then, even if nothing changes. */
  #keepForNextTime(): void {
    this.#newTrust ??= this.#trust;
  }

  #set(name: string, entry: Entry | undefined): void {
    this.#liveBytes += (entry?.bytes ?? 0) - (this.#services.get(name)?.bytes ?? 0);
    if (entry) this.#services.set(name, entry);
    else this.#services.delete(name);
  }
}

/** Of a service that was not encoded yet. */
function estimateBytes(service: Service): number {
  return 300 + 350 * service.instances.length;
}
