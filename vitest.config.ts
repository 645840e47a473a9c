import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'conformance/**/*.test.ts'],
    exclude: ['test/bench/**', 'node_modules/**'],
    globalSetup: 'test/build.ts',
    // Servers that tests start side by side must not meet at a fixed port.
    env: { LEVERET_METRICS_PORT: 'none' },
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 40,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
