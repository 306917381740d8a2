import { defineConfig } from 'vitest/config';

// One browser and one server at a time: the machine that runs these tests may have two cores.
export default defineConfig({
  test: {
    include: ['e2e/**/*.spec.ts'],
    environment: 'node',
    fileParallelism: false,
    globalSetup: ['e2e/globalSetup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
