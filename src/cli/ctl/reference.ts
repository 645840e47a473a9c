import type { Flag } from '../flags.ts';
import { nameOf, type Topic } from './command.ts';
import { allTopics } from './commands.ts';
import { commonFlags, specialFlags } from './flags.ts';
import { reasons } from './unsupported.ts';

/** The reference page of all commands (docs/leveretctl-reference.md), in Markdown. */
export async function referencePage(): Promise<string> {
  return `${[
    '# Commands of leveretctl',
    'Written from the commands themselves (`src/cli/ctl`) by `npm run generate`. [How to use leveretctl](leveretctl.md) explains how it finds the broker, and its exit codes. `leveretctl help <command>` says the same, with the flags of all commands.',
    ...(await allTopics()).map(chapter),
    '## Flags of all commands',
    table(
      ['Flag', 'Meaning', 'Default'],
      Object.entries(commonFlags).map(([name, { doc, placeholder, alias, defaultText }]) => {
        const long = placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`;
        return [code(alias === undefined ? long : `-${alias}, ${long}`), doc, defaultText ?? ''];
      }),
    ),
    '## Commands of RabbitMQ that have no place here',
    'They end with exit code 69 and one line that says why.',
    table(
      ['Command', 'Why'],
      Object.entries(reasons).map(([name, reason]) => [code(name), reason]),
    ),
  ].join('\n\n')}\n`;
}

function chapter({ title, commands }: Topic): string {
  const rows = [...commands]
    .sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1))
    .map(({ synopsis, doc, details, flags = [] }) => {
      const own = flags.map((name) => {
        const { placeholder }: Flag = specialFlags[name];
        return `[--${name}${placeholder === undefined ? '' : ` ${placeholder}`}]`;
      });
      return [code([synopsis, ...own].join(' ')), details === undefined ? doc : `${doc}. ${details}`];
    });
  return `## ${title}\n\n${table(['Command', 'What it does'], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
