import { defineConfig } from 'vitest/config';

// Measurements, for a machine that does nothing else. They print figures and assert no time.
export default defineConfig({
  test: {
    include: ['e2e/**/*.perf.ts'],
    environment: 'node',
    fileParallelism: false,
    globalSetup: ['e2e/globalSetup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
