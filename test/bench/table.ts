/** Results for people. */
import Table from 'cli-table3';
import { boundMeanings, boundNames, boundNote } from './bound.ts';
import { columnNames, countOf, type Row, columnTitles as titles } from './results.ts';
import type { Scenario } from './scenario.ts';

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
  const notes = [...(markdown ? descriptions(rows) : []), ...meanings(rows)];
  return [table, ...faultLines(rows), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
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

/** All scenarios, and what each one measures. */
export function listOf(scenarios: readonly Scenario[]): string {
  const part = (title: string, chosen: readonly Scenario[]) => [
    title,
    ...chosen.map(({ name, measures, steps }) => {
      const bounds = new Set(steps.flatMap((step) => (step.kind === 'load' ? (step.bounds ?? []) : [])));
      const besides = [...bounds].map((bound) => `; beside: ${titles[bound.name]}`);
      return `  ${name}\n      ${measures}${besides.join('')}`;
    }),
  ];
  return [
    ...part(
      'By default:',
      scenarios.filter(({ byDefault }) => byDefault),
    ),
    ...part(
      '\nWith --scenario <name>, or "all":',
      scenarios.filter(({ byDefault }) => !byDefault),
    ),
    '',
    ...boundNames.map((name) => `${titles[name]}: ${boundMeanings[name]}.`),
    `${boundNote}.`,
  ].join('\n');
}

/** What the columns of bounds show, as a Markdown list; empty without such columns. */
function meanings(rows: readonly Row[]): string[] {
  const shown = boundNames.filter((name) => rows.some((row) => row.median[name] !== undefined));
  const lines = shown.map((name) => `- **${titles[name]}**: ${boundMeanings[name]}.`);
  return shown.length === 0 ? [] : [...lines, '', `${boundNote}.`];
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
