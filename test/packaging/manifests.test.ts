import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-manifests-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it.skipIf(!existsSync('/usr/bin/systemd-analyze'))('has a unit that systemd accepts and finds safe', () => {
  const unit = join(directory, 'leveret.service');
  const text = readFileSync(fromRoot('packaging/systemd/leveret.service'), 'utf8');
  writeFileSync(unit, text.replace('/usr/bin/leveret', '/bin/true'));
  expect(execFileSync('systemd-analyze', ['verify', unit], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
  // Exposure in tenths, from 0 to 100; systemd calls up to 4.9 OK. It fails when there is more.
  execFileSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', unit], { stdio: 'pipe' });
});

/** Each value and where it stands: `spec.replicas=1`. */
function leaves(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}=${value}`];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, `${path}.${key}`));
}

it.skipIf(!existsSync('/usr/bin/kubectl'))(
  'has an example for Kubernetes of which it knows every field',
  () => {
    const kubectl = (args: readonly string[], input?: string) =>
      execFileSync('kubectl', args, {
        encoding: 'utf8',
        stdio: 'pipe',
        ...(input !== undefined && { input }),
      });
    const file = fromRoot('packaging/kubernetes/leveret.yaml');
    const documents = kubectl(['label', '--local', '-f', file, 'a=b', '-o', 'jsonpath={@}{"\\n"}']);
    const set = documents.split('\n').find((line) => line.includes('"kind":"StatefulSet"')) ?? '';
    // Unlike label, this reads it into the types of Kubernetes, which drop what they do not know.
    const understood = kubectl(['set', 'image', '--local', '-f', '-', 'leveret=x:y', '-o', 'json'], set);
    const known = new Set(leaves(JSON.parse(understood)));
    const unknown = leaves(JSON.parse(set)).filter((leaf) => !known.has(leaf) && !leaf.includes('.image='));
    expect(unknown).toEqual([]);
  },
);
