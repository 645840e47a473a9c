import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const directory = 'dist';

/**
 * The programs, by the names they get in `dist`. What several have in common, or one loads later, becomes a chunk
 * beside `index.js`; so does all that finds a file by `import.meta.url`: package.json and the program of the thread.
 */
const entryPoints = {
  index: 'src/index.ts',
  'cli/leveret': 'src/cli/leveret.ts',
  'cli/leveretctl': 'src/cli/leveretctl.ts',
  'line-thread': 'src/metrics/line-thread.ts',
  'line-thread-program': 'src/metrics/line-thread-program.ts',
};

/** Makes a few files of hundreds: to find, read and link each by itself takes Node.js a third of a start. */
async function bundle(): Promise<ReadonlySet<string>> {
  const { metafile } = await build({
    entryPoints,
    outdir: directory,
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  return new Set(Object.keys(metafile.outputs).map((path) => resolve(path)));
}

/** Removes what an earlier build left: code under names that are no longer in use. */
async function removeOthers(written: ReadonlySet<string>): Promise<void> {
  const files = await readdir(directory, { recursive: true });
  const others = files
    .filter((file) => /\.js(\.map)?$/.test(file))
    .map((file) => resolve(join(directory, file)))
    .filter((path) => !written.has(path));
  await Promise.all(others.map((path) => rm(path, { force: true })));
}

await removeOthers(await bundle());
