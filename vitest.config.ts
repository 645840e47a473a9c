import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/sequence.ts';

/** What holds for all tests. */
const common = {
  // Servers that tests start side by side must not meet at a fixed port.
  env: { LEVERET_METRICS_PORT: 'none' },
  pool: 'forks',
  // Files share a process, and what they import is read once, not for each. So no file may leave anything behind.
  isolate: false,
  maxConcurrency: 40,
  testTimeout: 60_000,
  hookTimeout: 60_000,
} as const;

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    // One more than the processors there are at least: tests wait for clocks, disks and other processes.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...common, name: 'test', include: ['test/**/*.test.ts'], exclude: ['test/bench/**'] } },
      {
        test: {
          ...common,
          name: 'conformance',
          include: ['conformance/**/*.test.ts'],
          setupFiles: 'conformance/harness/setup.ts',
        },
      },
    ],
  },
});
