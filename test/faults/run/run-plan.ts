import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../support/poll.js';
import type { Bed } from '../bed/bed.js';
import { differences } from '../ledger/entry.js';
import { Ledger } from '../ledger/ledger.js';
import type { Violation } from '../ledger/violation.js';
import { faultOf } from '../matrix/index.js';
import { Observer } from '../observer/observer.js';
import type { FaultContext, Heal } from '../plan/fault.js';
import { describeStep, type Plan, type Step } from '../plan/plan.js';
import { Random } from '../plan/random.js';
import type { Registry } from '../registries/registry.js';
import { Subject } from '../subject/subject.js';
import { Clients } from '../workload/clients.js';
import { Weather } from '../workload/weather.js';
import { Workload } from '../workload/workload.js';
import type { RunResult, StepResult } from './result.js';
import type { Trace } from './trace.js';

/** I1: from the heal on. */
const convergeMs = 30_000;
/** How long the clients of a registry may take to have it as they want it; longer says nothing of us. */
const settleMs = 90_000;
const calmChanges = 5;
const maxTraced = 20;
/** Violations of a run whose circumstances are traced. */
const maxExplained = 10;
const maxWhyLength = 6000;

/** A registry and who writes to it, in one run. */
interface Party {
  readonly registry: Registry;
  readonly clients: Clients;
  readonly workload: Workload;
}

/** Runs one plan on the bed: sets up clean registries and a fresh daemon, does each step, and says what did not hold. */
export class PlanRun {
  readonly #plan: Plan;
  readonly #scope: string;
  readonly #trace: Trace;
  readonly #ledger = new Ledger();
  readonly #weather = new Weather();
  readonly #violations: Violation[] = [];
  readonly #parties: Party[] = [];
  readonly #stop = new AbortController();
  #subject: Subject | undefined;
  #told = 0;
  /** Looks at whether it was the registry's own mistake. */
  #doubts: Promise<void>[] = [];

  private constructor(plan: Plan, trace: Trace) {
    this.#plan = plan;
    this.#scope = `s${plan.seed}`;
    this.#trace = trace;
  }

  /** Rejects for nothing that the registries, the daemon or the bed do: the result says it. */
  static run(plan: Plan, bed: Bed, trace: Trace): Promise<RunResult> {
    return new PlanRun(plan, trace).#run(bed);
  }

  async #run(bed: Bed): Promise<RunResult> {
    const startMs = performance.now();
    const steps: StepResult[] = [];
    const background: Promise<void>[] = [];
    let subject: Subject | undefined;
    let observer: Observer | undefined;
    let trouble: string | undefined;
    try {
      const joining = this.#plan.registries.map(async (kind, index) => this.#join(await bed.registry(kind), index + 1));
      this.#parties.push(...(await Promise.all(joining)));
      const registries = this.#parties.map(({ registry }) => registry);
      subject = await Subject.start(registries, bed.isBuilt);
      this.#subject = subject;
      observer = this.#observe(subject);
      for (const { clients } of this.#parties) background.push(clients.keep(this.#stop.signal));
      await this.#converge(this.#parties, observer, performance.now(), 0);
      this.#trace.add('everything is published');
      background.push(subject.sample(this.#stop.signal));
      for (const { workload } of this.#parties) background.push(workload.run(this.#stop.signal));
      await this.#calm(this.#parties);
      await subject.samples.take(subject.isthmus.url);
      subject.samples.markBefore();
      for (const [index, step] of this.#plan.steps.entries()) {
        steps.push(await this.#step(step, index, subject, observer));
      }
    } catch (error) {
      trouble = (error as Error).message;
      this.#trace.add(`trouble: ${trouble}`);
      for (const kind of this.#plan.registries) await bed.discard(kind);
    } finally {
      this.#stop.abort();
      await Promise.all(background);
      observer?.close();
      await this.#settleDoubts();
      if (subject && this.#hasTold) this.#trace.add(`the daemon's log:\n${subject.isthmus.logs(200)}`);
      await subject?.isthmus.stop();
    }
    const before = subject?.samples.before;
    return {
      ...{ plan: this.#plan, steps, violations: this.#violations, latencies: this.#ledger.latencies },
      ...(trouble === undefined ? {} : { trouble }),
      ...(before === undefined ? {} : { before }),
      ...{ samples: subject?.samples.all ?? [], responses: observer?.responses ?? 0 },
      durationMs: Math.round(performance.now() - startMs),
    };
  }

  get #hasTold(): boolean {
    return this.#violations.length > 0;
  }

  async #join(registry: Registry, network: number): Promise<Party> {
    await registry.begin(this.#scope);
    const clients = new Clients(registry, this.#ledger, this.#weather);
    const random = new Random(this.#plan.seed * 31 + network);
    const workload = new Workload(clients, random, `${this.#scope}-${registry.kind}`, network);
    await workload.begin();
    this.#trace.add(`${registry.kind}: clients have registered`);
    return { registry, clients, workload };
  }

  #observe(subject: Subject): Observer {
    return new Observer(subject.mcpAddress, {
      onResponse: (published, atMs) => {
        this.#ledger.observe(published, atMs);
        this.#collect();
      },
      onDisorder: (what, atMs) => this.#violate({ invariant: 'I4', atMs, registry: 'isthmus', what }),
    });
  }

  async #step(step: Step, index: number, subject: Subject, observer: Observer): Promise<StepResult> {
    const first = this.#violations.length;
    const random = new Random(this.#plan.seed * 1009 + index);
    this.#trace.add(describeStep(step));
    const targets = [step.target, ...(step.beside ? [step.beside.target] : [])];
    for (const target of targets) this.#begin(target);
    let graceMs = 0;
    const heal = await this.#inject(step, subject, observer, random);
    if (step.beside) {
      const other = await this.#inject(step.beside, subject, observer, random);
      await delay(step.beside.durationMs);
      await other.run();
      graceMs = other.graceMs ?? 0;
    }
    await delay(step.durationMs);
    await heal.run();
    graceMs = Math.max(graceMs, heal.graceMs ?? 0);
    const healedMs = performance.now();
    this.#trace.add('healed');
    const touched = targets.includes('isthmus')
      ? this.#parties
      : this.#parties.filter(({ registry }) => targets.includes(registry.kind));
    const convergedMs = await this.#converge(touched, observer, healedMs, graceMs);
    for (const target of targets) this.#weather.end(target);
    await this.#calm(touched);
    await this.#settleDoubts();
    const violations = this.#violations.slice(first);
    return { step, violations, ...(convergedMs === undefined ? {} : { convergedMs }) };
  }

  #begin(target: Step['target']): void {
    this.#weather.begin(target);
    for (const { registry } of this.#parties) {
      if (target === 'isthmus' || target === registry.kind) this.#ledger.faultBegins(registry.kind);
    }
  }

  async #inject({ fault, target }: Step, subject: Subject, observer: Observer, random: Random): Promise<Heal> {
    const party = this.#parties.find(({ registry }) => registry.kind === target) ?? random.pick(this.#parties);
    const context: FaultContext = {
      ...{
        registry: party.registry,
        registries: this.#parties.map(({ registry }) => registry),
        clients: party.clients,
      },
      ...{ subject, ledger: this.#ledger, random, scope: `${this.#scope}-${party.registry.kind}` },
      published: () => observer.published,
      violate: (what) =>
        this.#violate({ invariant: 'I2', atMs: performance.now(), registry: party.registry.kind, what }),
      pauseClients: () => {
        party.workload.paused = true;
      },
    };
    return faultOf(fault).inject(context);
  }

  /** Waits until what is published is what the registries hold: I1. @returns how long after the heal that was */
  async #converge(parties: readonly Party[], observer: Observer, healedMs: number, graceMs: number) {
    for (const { workload } of parties) workload.paused = true;
    let latest = healedMs;
    let failed = false;
    for (const { registry, clients } of parties) {
      const oracle = await poll(() => clients.settled(), {
        ...{ timeoutMs: settleMs, intervalMs: 200, what: `${registry.kind} to be as its clients want it` },
      }).catch((error: Error) => {
        throw new Error(`${error.message}: ${clients.lastTrouble}`);
      });
      const settledMs = performance.now();
      const isOurs = (host: string) => host.startsWith(`${this.#scope}-${registry.kind}-`);
      const left = () => differences(oracle, observer.published, isOurs);
      const until = async (deadlineMs: number) => {
        while (left().length > 0 && performance.now() < deadlineMs) await delay(20);
        return left();
      };
      let found = await until(Math.max(healedMs, settledMs) + convergeMs + graceMs);
      if (await clients.areMissed(stillThere(found)).catch(() => false)) {
        this.#trace.add(`  ${registry.kind} itself tells still of what it has not: ${found.slice(0, 3).join('; ')}`);
        found = await until(performance.now() + (registry.missedMs ?? 0));
      }
      if (found.length === 0) {
        latest = Math.max(latest, performance.now());
      } else {
        failed = true;
        const what = `${found.length} differences ${convergeMs + graceMs} ms after the heal: ${found.slice(0, 3).join('; ')}`;
        // The first of them is looked into.
        const [host, target] = /^(\S+) .*?(\d+(?:\.\d+){3}:\d+)/.exec(found[0] ?? '')?.slice(1) ?? [];
        const instance = host === undefined ? {} : { instance: `${host} ${target}` };
        this.#violate({ invariant: 'I1', atMs: performance.now(), registry: registry.kind, what, ...instance });
      }
    }
    for (const { workload } of parties) workload.paused = false;
    if (failed) return undefined;
    for (const { registry } of parties) this.#ledger.regained(registry.kind);
    this.#trace.add(`converged ${Math.round(latest - healedMs)} ms after the heal`);
    return Math.round(latest - healedMs);
  }

  /** Changes on healthy paths, until all of them are published: I3's time, I8's samples. */
  async #calm(parties: readonly Party[]): Promise<void> {
    const changes = parties.map(async ({ workload }) => {
      await workload.removeOne();
      for (let count = 1; count < calmChanges; count += 1) await workload.change();
    });
    await Promise.all(changes);
    await poll(
      () => {
        this.#ledger.sweep(performance.now());
        this.#collect();
        return this.#ledger.pending === 0;
      },
      { timeoutMs: 20_000, intervalMs: 50, what: 'changes to be published' },
    ).catch(() => undefined); // changes go on beside; what is late the sweep has told
  }

  /** Takes over what the ledger found. */
  #collect(): void {
    for (const violation of this.#ledger.violations.slice(this.#told)) this.#violate(violation);
    this.#told = this.#ledger.violations.length;
  }

  /** Adds to the trace what clients, registry and daemon have of it. */
  async #explain({ instance, registry: kind }: Violation): Promise<void> {
    const party = this.#parties.find(({ registry }) => registry.kind === kind);
    if (instance === undefined || !party) return;
    const [host = ''] = instance.split(' ');
    const daemon = this.#subject?.isthmus.instances(host).then((list) => {
      const found = list.find(({ address, ports }) => instance === `${host} ${address}:${Object.values(ports)[0]}`);
      return found ? `health ${found.health}, weight ${found.weight}` : 'absent';
    });
    const [there, here] = await Promise.all([party.clients.describe(instance), daemon?.catch(() => 'no answer')]);
    this.#trace.add(`  ${instance}: ${there}; catalog: ${here}`);
    const why = await this.#subject?.why(instance.slice(host.length + 1));
    this.#trace.add(`  ${why?.slice(0, maxWhyLength)}`);
  }

  async #settleDoubts(): Promise<void> {
    const doubts = this.#doubts;
    this.#doubts = [];
    await Promise.all(doubts);
  }

  /** What the registry itself has got wrong is rightly published as the registry has it. */
  async #doubt(violation: Violation): Promise<void> {
    const party = this.#parties.find(({ registry }) => registry.kind === violation.registry);
    const { instance } = violation;
    if (!party || instance === undefined) return;
    const mistake = await mistakeOf(party, violation.invariant, instance).catch(() => undefined);
    if (mistake === undefined) return;
    this.#violations.splice(this.#violations.indexOf(violation), 1);
    this.#trace.add(`  not counted: ${violation.registry} itself ${mistake} ${instance}`);
  }

  #violate(violation: Violation): void {
    const told = { ...violation, atMs: this.#trace.sinceStart(violation.atMs) };
    this.#violations.push(told);
    this.#doubts.push(this.#doubt(told));
    if (this.#violations.length <= maxTraced) {
      this.#trace.add(`VIOLATION ${told.invariant} ${told.registry}: ${told.what}`);
    }
    if (this.#violations.length <= maxExplained) this.#explain(told).catch(() => undefined); // no part of the result
  }
}

/** The instances, as `host target`, that are published and should not be; none when anything else is wrong, too. */
function stillThere(found: readonly string[]): readonly string[] {
  const parts = found.map((one) => /^(\S+) has (\S+) still$/.exec(one));
  return parts.some((part) => !part) ? [] : parts.map((part) => `${part?.[1]} ${part?.[2]}`);
}

/** A server may tell explicitly to be gone what another one has; and a registry may have again what was taken away. */
async function mistakeOf(
  { clients, registry }: Party,
  invariant: Violation['invariant'],
  instance: string,
): Promise<string | undefined> {
  if (invariant === 'I3') {
    if (await clients.hasUnwanted(instance)) return 'has again, everywhere,';
    return (await clients.wasRevived(instance)) ? 'has registered again, at one server,' : undefined;
  }
  const entry = invariant === 'I2' ? clients.find(instance) : undefined;
  return entry && (await registry.disowns?.(entry)) ? 'tells, at one server, of the end of' : undefined;
}
