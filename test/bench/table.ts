/** Results for people. */
import Table from 'cli-table3';
import { type ColumnName, columnNames, countOf, type Row } from './results.ts';

const titles: Readonly<Record<ColumnName, string>> = {
  leveret: 'Leveret',
  ceiling: 'ceiling',
  rabbitmq: 'RabbitMQ',
  disk: 'disk',
};

/** Medians and ratios (above 1: Leveret is better), only the columns that have figures; faults below. */
export function tableOf(rows: readonly Row[], markdown: boolean): string {
  const columns = columnNames.filter((name) => rows.some((row) => row.median[name] !== undefined));
  const others = columns.filter((name) => rows.some((row) => row.ratioTo[name] !== undefined));
  const head = [
    'scenario',
    'median of',
    'better',
    ...columns.map((name) => titles[name]),
    ...others.map((name) => `to ${titles[name]}`),
  ];
  const body = rows.map((row, index) => [
    row.scenario === rows[index - 1]?.scenario ? '' : row.scenario,
    row.metric,
    row.better,
    ...columns.map((name) => number(row.median[name])),
    ...others.map((name) => ratio(row.ratioTo[name])),
  ]);
  const numbers = columns.length + others.length;
  const table = markdown ? markdownOf(head, body, numbers) : plainOf(head, body, numbers);
  return [table, ...faultLines(rows), ...(markdown ? ['', ...descriptions(rows)] : [])].join('\n');
}

function plainOf(head: string[], body: readonly string[][], numbers: number): string {
  const colAligns = head.map((_, index) => (index < head.length - numbers ? 'left' : 'right'));
  const table = new Table({ head, colAligns, style: { head: [], border: [] } });
  table.push(...body);
  return table.toString();
}

function markdownOf(head: readonly string[], body: readonly string[][], numbers: number): string {
  const rule = head.map((_, index) => (index < head.length - numbers ? '---' : '--:'));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What each scenario measures, as a Markdown list. */
function descriptions(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => `- **${row.scenario}**: ${row.measures}.`))];
}

function faultLines(rows: readonly Row[]): string[] {
  const lines = rows.flatMap((row) =>
    columnNames.flatMap((name) => {
      const faults = row.faults[name];
      if (faults === undefined || countOf(faults) === 0) return [];
      const { lost, dup, reordered, errors } = faults;
      return [
        `${titles[name]}, ${row.scenario}: ${lost} lost, ${dup} twice, ${reordered} out of order, ${errors} errors`,
      ];
    }),
  );
  return lines.length === 0 ? [] : ['', ...new Set(lines)];
}

function number(value: number | undefined): string {
  if (value === undefined) return '';
  return value.toLocaleString('en-US', {
    maximumFractionDigits: value >= 100 ? 0 : value >= 10 ? 1 : 2,
  });
}

function ratio(value: number | undefined): string {
  return value === undefined ? '' : `${value >= 10 ? value.toFixed(0) : value.toFixed(2)}x`;
}
