/**
 * Runs the commands of the documentation: every block in sh, js, ts or ini of README.md and docs/, page by page, in
 * order, against a broker with its default ports. `npm run check:docs -- docs/retries.md` checks one page.
 *
 * A block that cannot be run says why behind its language: `no-run: needs root`. One that never ends is marked
 * `runs-on`. A block `text output` behind another one is what that one prints.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Block, blocksOf, isLike } from './blocks.ts';
import { Sandbox } from './sandbox.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const own = 'LEVERET_DOCS_NETWORK';

if (!enterOwnNetwork()) {
  const pages = process.argv.length > 2 ? process.argv.slice(2) : allPages();
  let failures = 0;
  for (const page of pages) failures += await checkPage(page);
  say(failures === 0 ? 'all commands run' : `${failures} blocks fail`);
  process.exitCode = failures === 0 ? 0 : 1;
}

/** Default ports may be taken on this machine; in a network of its own they are not. True when that was done. */
function enterOwnNetwork(): boolean {
  if (process.env[own] !== undefined) return false;
  const probe = spawnSync('unshare', ['--map-root-user', '--net', 'ip', 'link', 'set', 'lo', 'up']);
  if (probe.status !== 0) return false;
  const command = 'ip link set lo up && exec "$@"';
  const again = ['sh', '-c', command, 'sh', process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', ['--map-root-user', '--net', ...again], {
    stdio: 'inherit',
    env: { ...process.env, [own]: '1' },
  });
  process.exitCode = status ?? 1;
  return true;
}

function allPages(): string[] {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.sort().map((name) => `docs/${name}`)];
}

async function checkPage(path: string): Promise<number> {
  const page = relative(root, join(root, path));
  const blocks = blocksOf(page, readFileSync(join(root, page), 'utf8'));
  const toRun = blocks.filter(({ notRun }) => notRun === undefined);
  if (toRun.length === 0) return 0;
  const sandbox = await Sandbox.open();
  let failures = 0;
  try {
    for (const block of toRun) if (!(await checkBlock(sandbox, block))) failures++;
  } finally {
    await sandbox.close();
  }
  const left = blocks.length - toRun.length;
  say(`${page}: ${toRun.length} run, ${failures} failed${left > 0 ? `, ${left} not run` : ''}`);
  return failures;
}

async function checkBlock(sandbox: Sandbox, block: Block): Promise<boolean> {
  const { ok, printed } = await sandbox.run(block);
  if (!ok) say(`${block.place} fails:\n${indented(block.text)}\nit says:\n${indented(printed)}`);
  else if (block.output !== undefined && !isLike(printed, block.output)) {
    say(`${block.place} prints:\n${indented(printed)}\nin place of:\n${indented(block.output)}`);
    return false;
  }
  return ok;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function indented(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ');
}
