import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the generated codec is what the specification says', () => {
  const args = ['--import', 'tsx', 'spec/generate.ts', '--check'];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: 'pipe' })).toBe('');
});
