import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { deferred } from '../../core/plugin/index.js';
import type { Notification } from './reference.js';

/** bench/registries/reference.ts in a process of its own. */
export class Reference {
  readonly #child;
  #wanted: ((notification: Notification) => void) | undefined;
  readonly #ready = deferred();

  private constructor(args: readonly string[]) {
    const path = fileURLToPath(new URL('reference.ts', import.meta.url));
    this.#child = fork(path, [...args], { execArgv: ['--import', 'tsx'] });
    this.#child.once('exit', () => this.#ready.reject(new Error('the reference has ended')));
    this.#child.on('message', (message) => {
      if (message === 'ready') this.#ready.resolve();
      if (typeof message === 'object') this.#wanted?.(message as unknown as Notification);
    });
  }

  static async start(args: readonly string[]): Promise<Reference> {
    const reference = new Reference(args);
    await reference.#ready.promise;
    return reference;
  }

  /** When it is told of a change of `service`, and, where a notification tells of the content, that `address` is in it. */
  next(service: string, address: string): Promise<bigint> {
    return new Promise((resolve) => {
      this.#wanted = (notification) => {
        if (notification.service !== service) return;
        if (notification.text !== '' && !notification.text.includes(address)) return;
        resolve(BigInt(notification.atNs));
      };
    });
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
