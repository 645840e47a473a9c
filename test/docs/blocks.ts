/** A fenced block of a page. */
export interface Block {
  /** `docs/retries.md:12` */
  readonly place: string;
  readonly language: string;
  readonly text: string;
  /** Runs before it, unseen by readers: what stands in a comment `<!-- setup: … -->` in front of the block. */
  readonly setup: string;
  /** Why it is not run: what stands behind `no-run:` in the line that opens it. */
  readonly notRun: string | undefined;
  /** It goes on until it is ended, after a while: `runs-on`. */
  readonly runsOn: boolean;
  /** What the block prints: the block behind it, if that is called `text output`. `…` stands for anything. */
  output: string | undefined;
}

/** Languages of blocks that are run. */
const runnable: ReadonlySet<string> = new Set(['sh', 'js', 'ts', 'ini']);

/**
 * The blocks of a page that are to be run.
 *
 * @throws Error for a block that is not run and does not say why
 */
export function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  const fence = /(?:^<!-- setup: ((?:.|\n)*?) -->\n+)?^( *)```(\w*) *(.*)\n((?:.*\n)*?) *```$/gm;
  for (const found of markdown.matchAll(fence)) {
    const [whole, setup = '', indent = '', language = '', mark = '', indented = ''] = found;
    const text = indented.replace(new RegExp(`^${indent}`, 'gm'), '');
    const line = markdown.slice(0, found.index + whole.indexOf('```')).split('\n').length;
    const place = `${page}:${line}`;
    const last = blocks.at(-1);
    if (language === 'text' && mark === 'output' && last !== undefined) last.output = text;
    if (!runnable.has(language)) continue;
    const [, notRun] = /^no-run: *(.*)$/.exec(mark) ?? [];
    if (mark !== '' && mark !== 'runs-on' && (notRun === undefined || notRun === '')) {
      throw new Error(`${place}: "${mark}" is neither "runs-on" nor "no-run: " and a reason`);
    }
    blocks.push({ place, language, text, setup, notRun, runsOn: mark === 'runs-on', output: undefined });
  }
  return blocks;
}

/** Whether something was printed that looks like this. */
export function isLike(printed: string, expected: string): boolean {
  const pattern = expected
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/[ \t]+/g, '[ \\t]+'))
    .join('(?:.|\\n)*?');
  return new RegExp(`^${pattern}$`).test(printed.trim().replace(/[ \t]+$/gm, ''));
}
