/**
 * Fills one broker's column of the table in README.md from a Vitest JSON report:
 * `tsx conformance/table.ts rabbitmq|leveret report.json`. The other column is kept, and so are the rows of files that were not
 * run; scenarios that are gone go.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

type Column = 'rabbitmq' | 'leveret';

interface Row {
  readonly chapter: string;
  readonly scenario: string;
  readonly file: string;
  readonly results: Record<Column, string>;
}

const readme = new URL('README.md', import.meta.url);
const BEGIN = '<!-- scenarios: written by table.ts -->';
const END = '<!-- end of scenarios -->';
const HEADING = ['Chapter', 'Scenario', 'File', 'RabbitMQ 3.10.8', 'Leveret'];
const VERDICTS: Readonly<Record<string, string>> = { passed: 'pass', failed: '**fail**' };

function cell(text: string): string {
  return text.replaceAll(/[|*]/g, '\\$&').replaceAll(/\s+/g, ' ').trim();
}

function keyOf({ chapter, scenario, file }: Omit<Row, 'results'>): string {
  return `${file}\n${chapter}\n${scenario}`;
}

/** The rows of the table as it stands. */
function parse(table: string): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of table.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((text) => text.trim());
    const [, chapter = '', scenario = '', file = '', rabbitmq = '', leveret = ''] = cells;
    const row: Row = { chapter, scenario, file, results: { rabbitmq, leveret } };
    rows.set(keyOf(row), row);
  }
  return rows;
}

function merge(report: Report, column: Column, before: Map<string, Row>, files: ReadonlySet<string>): Row[] {
  const ran = new Set(report.testResults.map(({ name }) => basename(name)));
  const rows = new Map([...before].filter(([, { file }]) => files.has(file) && !ran.has(file)));
  for (const { name, assertionResults } of report.testResults) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      const place = { chapter: cell(ancestorTitles.join(' ')), scenario: cell(title), file: basename(name) };
      if (rows.has(keyOf(place)))
        throw new Error(`two scenarios are called "${place.scenario}" in ${place.file}`);
      const known = before.get(keyOf(place))?.results ?? { rabbitmq: '', leveret: '' };
      const verdict = VERDICTS[status] ?? 'skipped';
      rows.set(keyOf(place), { ...place, results: { ...known, [column]: verdict } });
    }
  }
  return [...rows.values()].sort((a, b) => a.chapter.localeCompare(b.chapter, 'en', { numeric: true }));
}

/** A table with padded columns, as the formatter wants it. */
function render(rows: readonly (readonly string[])[]): string {
  const widths = HEADING.map((_, index) => Math.max(...rows.map((cells) => cells[index]?.length ?? 0)));
  const lines = rows.map(
    (cells) => `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`,
  );
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}

function isColumn(text: string | undefined): text is Column {
  return text === 'rabbitmq' || text === 'leveret';
}

const [column, reportPath] = process.argv.slice(2);
if (!isColumn(column) || reportPath === undefined) {
  process.stderr.write('usage: tsx conformance/table.ts rabbitmq|leveret report.json\n');
  process.exit(2);
}
const report: Report = JSON.parse(await readFile(reportPath, 'utf8'));
const text = await readFile(readme, 'utf8');
const [head = '', rest = ''] = text.split(BEGIN);
const [table = '', tail = ''] = rest.split(END);
const files = new Set(
  (await readdir(new URL('.', import.meta.url), { recursive: true })).map((path) => basename(path)),
);
const rows = merge(report, column, parse(table), files).map(({ chapter, scenario, file, results }) => [
  chapter,
  scenario,
  file,
  results.rabbitmq,
  results.leveret,
]);
await writeFile(readme, `${head}${BEGIN}\n\n${render([HEADING, ...rows])}\n\n${END}${tail}`);
