import type { SourceHarness } from './harness.js';

/** One rule of the Source contract, as a function that can be run by any test runner, or by none. */
export interface SourceCheck {
  /** Unique; reads as the end of "it …". */
  readonly name: string;
  /** What the contract says, for the author whose source fails here. */
  readonly contract: string;
  /** Whether the harness can show it; when not, the check is left out. */
  applies(harness: SourceHarness): boolean;
  /** @throws Error that says what was seen instead. */
  run(harness: SourceHarness): Promise<void>;
}

/** Whether the harness can make its registry unreachable. */
export function canStop(harness: SourceHarness): boolean {
  return harness.registry.stop !== undefined && harness.registry.start !== undefined;
}

export function always(): boolean {
  return true;
}

/**
 * Runs one check and adds the contract to whatever it throws.
 * @throws Error with the message of the check, the rule, and the original error as its cause.
 */
export async function runSourceCheck(check: SourceCheck, harness: SourceHarness): Promise<void> {
  try {
    await check.run(harness);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n\nThe contract: ${check.contract}`, { cause: error });
  }
}
