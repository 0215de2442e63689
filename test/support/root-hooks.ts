/**
 * Loaded before the tests (.mocharc.json), by `require`: what it imports statically is not the module of that name which
 * the test files have, but a copy of its own. What it imports once it runs is theirs.
 */
export const mochaHooks = {
  afterAll: async () => {
    const { stopShared } = await import('../servers/shared.js');
    await stopShared();
  },
};
