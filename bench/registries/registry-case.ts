import type { Source } from '../../core/plugin/index.js';
import type { ServerHandle } from '../../test/servers/process.js';
import type { Scale } from '../scale.js';

/** A registry of the bench: a real server with the services of a scale, and what it takes to measure a source on it. */
export interface RegistryCase {
  /** As it is shown, with the version of the server. */
  readonly name: string;
  /** Kind of its adapter, whose hosts are named by {@link defaultHost}. */
  readonly kind: string;
  readonly defaultHost: string;
  /** What the figures are held against. */
  readonly bar: Bar;
  start(scale: Scale): Promise<RunningCase>;
}

export interface Bar {
  readonly text: string;
  /** The median over the registry's own notification, or the longest since the write was answered. */
  readonly measure: 'over-notification' | 'over-answer';
  readonly limitMs: number;
}

export interface RunningCase {
  readonly server: ServerHandle;
  /** Ports that the source speaks to, so that a proxy can stand before each. */
  readonly ports: readonly number[];
  /** A source as the configuration makes it, by the servers' own ports or those of proxies, in the same order. */
  createSource(ports: readonly number[]): Source;
  /** What bench/registries/reference.ts is to follow, as arguments; undefined where the registry notifies nobody. */
  reference(services: readonly number[]): readonly string[] | undefined;
  /** Adds an instance with this address to a service. */
  add(service: number, address: string): Promise<void>;
  close(): Promise<void>;
}
