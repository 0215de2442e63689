import { type DubboName, formatDubboName } from './dubbo.js';
import type { DubboRules } from './dubbo-rules.js';

/**
 * Applications of which a service remembers that they provided it: one whose last instance restarts must not be without its
 * rules when it is back, until they have been read again.
 */
const maxPastApplications = 8;
/** Services and applications that nobody uses any more and whose rules are watched still, for the same reason. */
const defaultMaxRetired = 1000;

type Watching = Pick<DubboRules, 'watchService' | 'watchApplication' | 'unwatchService' | 'unwatchApplication'>;

/**
 * Whose rules are watched in one namespace: those of each service that is there, in whatever group of Nacos, and of the
 * applications that provide it. What nobody uses any more is watched no longer, but for what went last.
 */
export class RuleUsers {
  readonly #rules: Watching;
  /** Applications of each service of each group of Nacos; those that provide it now stand last. */
  readonly #applications = new Map<string, Set<string>>();
  readonly #services = new Count();
  readonly #providing = new Count();
  /** How to watch it no longer; the longest retired first. */
  readonly #retired = new Map<string, () => void>();
  readonly #maxRetired: number;

  constructor(rules: Watching, maxRetired = defaultMaxRetired) {
    this.#rules = rules;
    this.#maxRetired = maxRetired;
  }

  /**
   * A service is there.
   * @param group of Nacos; @param applications that provide it now
   */
  known(group: string, service: DubboName, applications: ReadonlySet<string>): void {
    const key = keyOf(group, service);
    let own = this.#applications.get(key);
    if (!own) {
      own = new Set();
      this.#applications.set(key, own);
      this.#beginService(service);
    }
    let past = own.size;
    for (const application of applications) {
      if (application === '') continue;
      if (own.delete(application)) past--;
      else this.#beginApplication(application);
      own.add(application);
    }
    for (const application of own) {
      if (past-- <= maxPastApplications) break;
      own.delete(application);
      this.#endApplication(application);
    }
  }

  /** A service of one group is not there any more. */
  gone(group: string, service: DubboName): void {
    const key = keyOf(group, service);
    const own = this.#applications.get(key);
    if (!own) return;
    this.#applications.delete(key);
    for (const application of own) this.#endApplication(application);
    const name = formatDubboName(service);
    if (this.#services.ends(name)) this.#retire(serviceKey(name), () => this.#rules.unwatchService(service));
  }

  #beginService(service: DubboName): void {
    const name = formatDubboName(service);
    if (!this.#services.begins(name)) return;
    this.#retired.delete(serviceKey(name));
    this.#rules.watchService(service);
  }

  #beginApplication(name: string): void {
    if (!this.#providing.begins(name)) return;
    this.#retired.delete(applicationKey(name));
    this.#rules.watchApplication(name);
  }

  #endApplication(name: string): void {
    if (this.#providing.ends(name)) this.#retire(applicationKey(name), () => this.#rules.unwatchApplication(name));
  }

  #retire(key: string, unwatch: () => void): void {
    this.#retired.set(key, unwatch);
    const [oldest] = this.#retired;
    if (this.#retired.size <= this.#maxRetired || !oldest) return;
    this.#retired.delete(oldest[0]);
    oldest[1]();
  }
}

class Count {
  readonly #all = new Map<string, number>();

  /** @returns whether it is the first */
  begins(name: string): boolean {
    const before = this.#all.get(name) ?? 0;
    this.#all.set(name, before + 1);
    return before === 0;
  }

  /** @returns whether it was the last */
  ends(name: string): boolean {
    const left = (this.#all.get(name) ?? 0) - 1;
    if (left > 0) this.#all.set(name, left);
    else this.#all.delete(name);
    return left === 0;
  }
}

function keyOf(group: string, service: DubboName): string {
  return `${group}\n${formatDubboName(service)}`;
}

function serviceKey(name: string): string {
  return `service ${name}`;
}

function applicationKey(name: string): string {
  return `application ${name}`;
}
