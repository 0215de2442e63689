import { createHash } from 'node:crypto';
import {
  type BackoffOptions,
  backoffMs,
  type Clock,
  type Deferred,
  deferred,
  isRecord,
  linkSignal,
} from '../../core/plugin/index.js';
import type { RuleBook, RuleTarget } from '../dubbo/rules/rule-book.js';
import type { NacosConnection } from './connection.js';
import type { DubboName } from './dubbo.js';
import { configNotFound, NacosError, toError } from './nacos-error.js';
import type { Message } from './payload.js';
import type { RequestGate } from './request-gate.js';
import { publicNamespace } from './service-key.js';

/** Group of Dubbo's rules in the config centre. */
const ruleGroup = 'dubbo';
/** As `RuleBook` knows them. */
const serviceRules = ['configurators', 'condition-router', 'affinity-router'] as const;
const applicationRules = [...serviceRules, 'tag-router', 'script-router', 'MESHAPPRULE'] as const;
const contextsARequest = 500;
const defaultMaxRules = 200_000;

interface Watched {
  /** As Dubbo has it, which the registry's own id may differ from. */
  readonly ruleId: string;
  /** Of the text that is known; empty for none. */
  md5: string;
  /** Scopes that it is the id of: two names may be written alike in Nacos. */
  scopes: number;
}

/** A service or an application, by the name that its rules begin with. */
interface Scope {
  readonly name: string;
  readonly kinds: readonly string[];
}

export interface DubboRulesOptions {
  readonly namespace: string;
  readonly rules: RuleBook;
  readonly gate: RequestGate;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
  /** How often all is asked for again, beside what is pushed. */
  readonly intervalMs: number;
  /** The same for connections on which nothing is pushed. */
  readonly pollIntervalMs: number;
  readonly onChange: (target: RuleTarget) => void;
  /** The rules cannot be read; undefined: they can. */
  readonly onFailure: (error: Error | undefined) => void;
  /** Whether there is more to be watched than can be. */
  readonly onFull: (isFull: boolean) => void;
  /** Most ids that are watched. Default 200,000. */
  readonly maxRules?: number;
}

/**
 * The rules of Dubbo in Nacos's config centre for what is known to exist. One request watches hundreds of ids, those that
 * do not exist too (`ConfigBatchListenRequest`), and the server pushes which of them have changed: nobody has to list.
 */
export class DubboRules {
  readonly #options: DubboRulesOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #scopes = new Set<string>();
  /** Scopes that there was no room for. */
  readonly #passedOver = new Map<string, Scope>();
  #listened = new Set<string>();
  readonly #changed = new Set<string>();
  /** Until all that is watched by now has been read, or could not be. */
  #tried = deferred<void>();
  #isTried = false;
  #wake: Deferred<void> = deferred();
  /** Told of, and not over: the next connection may be the one that can read them. */
  #isFailing = false;

  constructor(options: DubboRulesOptions) {
    this.#options = options;
  }

  watchService(service: DubboName): void {
    this.#watch(serviceScope(service));
  }

  watchApplication(application: string): void {
    this.#watch({ name: application, kinds: applicationRules });
  }

  /** The service is not there any more: its rules are forgotten. */
  unwatchService(service: DubboName): void {
    this.#unwatch(serviceScope(service));
  }

  /** Nothing is there that the application provides: its rules are forgotten. */
  unwatchApplication(application: string): void {
    this.#unwatch({ name: application, kinds: applicationRules });
  }

  /** Resolves when all that is watched now has been read, or could not be read once. */
  get settled(): Promise<void> {
    return this.#watched.size === 0 ? Promise.resolve() : this.#tried.promise;
  }

  /** What the server pushes. */
  pushed({ type, body }: Message): void {
    const { dataId, group } = body;
    if (type !== 'ConfigChangeNotifyRequest' || group !== ruleGroup || typeof dataId !== 'string') return;
    if (!this.#watched.has(dataId)) return;
    this.#changed.add(dataId);
    this.#wake.resolve();
  }

  /** Reads and watches until the connection is lost, and rejects then. */
  async run(connection: NacosConnection): Promise<never> {
    const { backoff, intervalMs, pollIntervalMs, onFailure } = this.#options;
    const againMs = connection.protocol === 'http' ? pollIntervalMs : intervalMs;
    let failures = 0;
    this.#listened = new Set();
    for (;;) {
      this.#wake = deferred();
      let waitMs = againMs;
      try {
        await this.#listen(connection);
        await this.#read(connection);
        if (this.#isFailing) onFailure(undefined);
        this.#isFailing = false;
        failures = 0;
      } catch (error) {
        connection.lost.throwIfAborted();
        this.#isFailing = true;
        onFailure(toError(error));
        waitMs = backoffMs(failures++, backoff);
      }
      // What was watched meanwhile is read in the next round.
      const isAllRead = this.#listened.size === this.#watched.size && this.#changed.size === 0;
      if (isAllRead || failures > 0) {
        this.#isTried = true;
        this.#tried.resolve();
      }
      await this.#pause(connection, waitMs, failures === 0);
      connection.lost.throwIfAborted();
    }
  }

  /** @param wakes whether something to do ends it early; else, after a failure, that has to wait as well */
  async #pause({ lost }: NacosConnection, waitMs: number, wakes: boolean): Promise<void> {
    const { controller, release } = linkSignal(lost);
    const over = this.#options.clock.sleep(waitMs, controller.signal).then(
      () => this.#listened.clear(),
      () => undefined,
    );
    try {
      await (wakes ? Promise.race([over, this.#wake.promise]) : over);
    } finally {
      controller.abort();
      release();
    }
  }

  #watch(scope: Scope): void {
    const key = keyOf(scope);
    if (this.#scopes.has(key) || this.#passedOver.has(key)) return;
    if (!this.#hasRoom(scope)) {
      this.#passedOver.set(key, scope);
      if (this.#passedOver.size === 1) this.#options.onFull(true);
      return;
    }
    this.#scopes.add(key);
    for (const { ruleId, dataId } of idsOf(scope)) {
      const known = this.#watched.get(dataId);
      if (known) {
        known.scopes++;
        continue;
      }
      this.#watched.set(dataId, { ruleId, md5: '', scopes: 1 });
      if (this.#isTried) this.#tried = deferred();
      this.#isTried = false;
      this.#wake.resolve();
    }
  }

  #unwatch(scope: Scope): void {
    const key = keyOf(scope);
    const wasPassedOver = this.#passedOver.delete(key);
    if (!wasPassedOver && !this.#scopes.delete(key)) return;
    for (const { dataId } of wasPassedOver ? [] : idsOf(scope)) {
      const known = this.#watched.get(dataId);
      if (!known || --known.scopes > 0) continue;
      this.#watched.delete(dataId);
      this.#listened.delete(dataId);
      this.#changed.delete(dataId);
      this.#options.rules.setConfig(known.ruleId, undefined);
    }
    const waited = this.#passedOver.size;
    for (const [next, one] of this.#passedOver) {
      if (!this.#hasRoom(one)) break;
      this.#passedOver.delete(next);
      this.#watch(one);
    }
    if (this.#passedOver.size === 0 && (wasPassedOver || waited > 0)) this.#options.onFull(false);
  }

  #hasRoom({ kinds }: Scope): boolean {
    return this.#watched.size + kinds.length <= (this.#options.maxRules ?? defaultMaxRules);
  }

  async #listen(connection: NacosConnection): Promise<void> {
    const ids = [...this.#watched.keys()].filter((dataId) => !this.#listened.has(dataId));
    for (let from = 0; from < ids.length; from += contextsARequest) {
      const batch = ids.slice(from, from + contextsARequest);
      const asked = batch.map((dataId) => this.#watched.get(dataId));
      const configListenContexts = batch.map((dataId, index) => ({
        ...this.#place,
        dataId,
        md5: asked[index]?.md5 ?? '',
      }));
      const body = { module: 'config', listen: true, configListenContexts };
      const { changedConfigs } = await this.#request(connection, 'ConfigBatchListenRequest', body);
      if (!Array.isArray(changedConfigs)) throw new NacosError('the answer does not say what has changed', 0);
      for (const [index, dataId] of batch.entries()) {
        // Not what was forgotten meanwhile, nor what was and is watched anew: that was asked for by what is not known now.
        if (asked[index] && this.#watched.get(dataId) === asked[index]) this.#listened.add(dataId);
      }
      for (const changed of changedConfigs as readonly unknown[]) {
        const dataId = isRecord(changed) ? changed['dataId'] : undefined;
        if (typeof dataId === 'string' && this.#watched.has(dataId)) this.#changed.add(dataId);
      }
    }
  }

  async #read(connection: NacosConnection): Promise<void> {
    for (const dataId of this.#changed) {
      const watched = this.#watched.get(dataId);
      // Before it is read: a change that comes meanwhile is read once more.
      this.#changed.delete(dataId);
      try {
        if (!watched) continue;
        const text = await this.#text(connection, dataId);
        if (this.#watched.get(dataId) === watched) this.#take(watched, text);
      } catch (error) {
        if (this.#watched.has(dataId)) this.#changed.add(dataId);
        throw error;
      }
    }
  }

  /** undefined: there is no such rule. */
  async #text(connection: NacosConnection, dataId: string): Promise<string | undefined> {
    try {
      const { content } = await this.#request(connection, 'ConfigQueryRequest', {
        module: 'config',
        dataId,
        ...this.#place,
      });
      if (typeof content !== 'string') throw new NacosError('the answer has no content', 0);
      return content;
    } catch (error) {
      if (error instanceof NacosError && error.code === configNotFound) return undefined;
      throw error;
    }
  }

  #take(watched: Watched, text: string | undefined): void {
    watched.md5 = text === undefined ? '' : createHash('md5').update(text).digest('hex');
    const target = this.#options.rules.setConfig(watched.ruleId, text);
    if (target) this.#options.onChange(target);
  }

  #request(connection: NacosConnection, type: string, body: Message['body']): Promise<Message['body']> {
    return this.#options.gate.run(() => connection.request(type, body), connection.lost);
  }

  get #place() {
    const { namespace } = this.#options;
    return { tenant: namespace === publicNamespace ? '' : namespace, group: ruleGroup };
  }
}

function serviceScope({ interfaceName, version, group }: DubboName): Scope {
  return { name: `${interfaceName}:${version}:${group}`, kinds: serviceRules };
}

function keyOf({ name, kinds }: Scope): string {
  return `${kinds.length} ${name}`;
}

/** @returns of each rule the id as Dubbo has it, and as `NacosConfigServiceWrapper` of Dubbo writes it */
function idsOf({ name, kinds }: Scope): readonly { readonly ruleId: string; readonly dataId: string }[] {
  return kinds.map((kind) => {
    const ruleId = `${name}.${kind}`;
    return { ruleId, dataId: ruleId.replaceAll('$', '___').replaceAll('/', '-') };
  });
}
