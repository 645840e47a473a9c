import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (page: string): string => readFileSync(join(root, page), 'utf8');
const architecture = read('ARCHITECTURE.md');
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Where names of files in ARCHITECTURE.md start: most leave out what the sentence says anyway. */
const starts = ['', 'src', 'src/broker', 'src/management'];

function isThere(name: string): boolean {
  return starts.some((start) => ['', '.ts'].some((end) => existsSync(join(root, start, name + end))));
}

it('ARCHITECTURE.md names only files and folders that are there', () => {
  const named = architecture.matchAll(/`([a-z0-9-]+(?:\/[a-z0-9-]+)+(?:\.ts)?)\/?`/g);
  const names = [...new Set(Array.from(named, ([, name = '']) => name))];
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !isThere(name))).toEqual([]);
});

/** The paths of the tree under the heading "Rooms": a folder's contents are indented behind it. */
function rooms(): string[] {
  const tree = architecture.split('## Rooms')[1]?.split('```')[1] ?? '';
  const path: string[] = [];
  return Array.from(
    tree.matchAll(/^( *)([a-z0-9/-]+(?:\/|\.ts))(?:\s|$)/gm),
    ([, indent = '', name = '']) => {
      path.length = indent.length / 2;
      path.push(name);
      return path.join('');
    },
  );
}

it('ARCHITECTURE.md has every room, and no room that is not there', () => {
  const named = rooms();
  expect(named.filter((room) => !existsSync(join(root, room)))).toEqual([]);
  const folders = (room: string): string[] =>
    readdirSync(join(root, room), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${room}${entry.name}/`);
  const built = ['src/', 'src/broker/', 'src/server/', 'src/management/'].flatMap(folders);
  expect(built.filter((room) => !named.includes(room))).toEqual([]);
});

it.each(pages)('%s names only files of the project that are there', (page) => {
  const text = read(page);
  const paths = Array.from(text.matchAll(/`((?:src|test|conformance|spec|packaging|docs)\/[^`\s*]*)`/g));
  const links = Array.from(text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)).filter(
    ([, link = '']) => !/^[a-z]+:/.test(link),
  );
  const missing = [
    ...paths.filter(([, path = '']) => !existsSync(join(root, path))),
    ...links.filter(([, link = '']) => !existsSync(join(root, dirname(page), link))),
  ];
  expect(missing.map(([, path]) => path)).toEqual([]);
});
