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

it('has an image that is built from files that are there, and runs as a user without rights', () => {
  const instructions = readFileSync(fromRoot('packaging/Dockerfile'), 'utf8')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line));
  const of = (name: string) => instructions.filter((line) => line.startsWith(`${name} `));
  const copied = of('COPY')
    .filter((line) => !line.includes('--from='))
    .flatMap((line) => line.split(/ +/).slice(1, -1));
  expect(copied.filter((path) => !existsSync(fromRoot(path)))).toEqual([]);
  const ignored = readFileSync(fromRoot('.dockerignore'), 'utf8').split('\n');
  expect(copied.filter((path) => ignored.includes(path))).toEqual([]);
  // One stage builds, the other one has neither sources nor what only the build needs.
  expect(of('FROM').map((line) => line.includes(' AS build'))).toEqual([true, false]);
  expect(of('USER')).toEqual(['USER node']);
  expect(of('HEALTHCHECK')).toHaveLength(1);
});
