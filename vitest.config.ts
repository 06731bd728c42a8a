import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['ts/**/*.test.ts', 'test/**/*.test.ts', 'bindings/**/*.test.ts', 'scripts/**/*.test.mjs'],
    setupFiles: ['test/seeds.setup.ts'],
    // A process per file: a native addon that misbehaves takes down its own file and nothing else.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes soon, but not on a machine that is busy with another file.
    expect: { poll: { timeout: 30_000 } },
  },
});
