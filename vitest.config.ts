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

/** Measure what their process has in memory, so they have one of their own. */
const alone = ['test/storage/instruction-buffers.test.ts'];

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    // One more than the two processors that they have to do with: much of what they do is waiting.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...common, name: 'alone', isolate: true, include: alone } },
      { test: { ...common, name: 'test', include: ['test/**/*.test.ts'], exclude: alone } },
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
