import { stopShared } from '../servers/shared.js';

/** Loaded before the tests (.mocharc.json). */
export const mochaHooks = {
  afterAll: () => stopShared(),
};
