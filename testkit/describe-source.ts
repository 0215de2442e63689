import { sourceChecks } from './checks/index.js';
import type { SourceHarness } from './harness.js';
import { runSourceCheck } from './source-check.js';

/** The two functions that the suite needs of a test runner; mocha's, Jest's, Vitest's and node:test's fit. */
export interface TestFramework {
  describe(name: string, define: () => void): unknown;
  it(name: string, test: (this: unknown) => Promise<void>): unknown;
}

/** How long one check may take in all, told to mocha; each wait within has the harness's own deadline. */
const checkTimeoutMs = 180_000;

/**
 * The conformance suite of the Source contract, against a real registry: one test for each rule that the harness can
 * show. An adapter that passes can be run by the daemon.
 *
 * ```ts
 * describe('my registry', () => {
 *   let server: MyServer;
 *   before(async () => { server = await startMyServer(); });
 *   after(() => server.stop());
 *
 *   describeSource('my-registry', {
 *     createSource: () => new MySource({ url: server.url }),
 *     registry: {
 *       put: (service, instance) => server.register(service, instance),
 *       remove: (service, id) => server.deregister(service, id),
 *       stop: () => server.proxy.cut(),
 *       start: () => server.proxy.restore(),
 *     },
 *   });
 * });
 * ```
 *
 * Nothing of the harness is called before the first test runs, so its functions may use what `before` made.
 * @param framework where `describe` and `it` are; default: the globals of the test runner.
 */
export function describeSource(
  name: string,
  harness: SourceHarness,
  framework: TestFramework = globalThis as unknown as TestFramework,
): void {
  framework.describe(`${name}: the Source contract`, () => {
    for (const check of sourceChecks) {
      if (!check.applies(harness)) continue;
      framework.it(check.name, function (this: unknown) {
        raiseTimeout(this);
        return runSourceCheck(check, harness);
      });
    }
  });
}

/** Mocha sets a test's deadline on its context; other runners have none there. */
function raiseTimeout(context: unknown): void {
  const timeout = (context as { timeout?: unknown } | undefined)?.timeout;
  if (typeof timeout === 'function') timeout.call(context, checkTimeoutMs);
}
