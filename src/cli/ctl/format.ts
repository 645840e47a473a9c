import type { JsonObject } from '../../json-object.ts';
import { oneLine } from '../printable.ts';

/** The formatters of rabbitmqctl that are supported. */
export const formatters = ['table', 'pretty_table', 'json', 'json_stream', 'csv'] as const;
/** What `--formatter` takes. */
export type Formatter = (typeof formatters)[number];

/** Whether a program is to read it. */
export function isJson(formatter: Formatter): boolean {
  return formatter === 'json' || formatter === 'json_stream';
}

/**
 * Rows as rabbitmqctl prints them; each row is an object of which `columns` are shown. In tables, which people look at,
 * a character in a name that would steer the terminal, or break the line or the table, is written as `\x1b` and its like.
 */
export async function formatRows(
  rows: readonly JsonObject[],
  columns: readonly string[],
  formatter: Formatter,
  areColumnsNamed: boolean,
): Promise<string> {
  // Names of columns without rows are nothing to read, neither for people nor for programs.
  if (rows.length === 0 && formatter !== 'json') return '';
  const cells = rows.map((row) => columns.map((column) => row[column]));
  const texts = cells.map((row) => row.map(term));
  switch (formatter) {
    case 'json':
      return jsonList(jsonRows(cells, columns));
    case 'json_stream':
      return lines(jsonRows(cells, columns));
    case 'csv':
      return lines([...(areColumnsNamed ? [columns] : []), ...texts].map((row) => row.map(quoted).join(',')));
    case 'pretty_table': {
      // Seldom wanted, and not free to load.
      const { default: Table } = await import('cli-table3');
      const table = new Table({ head: [...columns], style: { head: [], border: [] } });
      table.push(...texts.map((row) => row.map(oneLine)));
      return lines([table.toString()]);
    }
    case 'table':
      return lines(
        [...(areColumnsNamed ? [columns] : []), ...texts].map((row) => row.map(oneLine).join('\t')),
      );
  }
}

function jsonRows(cells: readonly (readonly unknown[])[], columns: readonly string[]): readonly string[] {
  return cells.map((row) =>
    JSON.stringify(Object.fromEntries(columns.map((column, index) => [column, row[index] ?? '']))),
  );
}

/** One object a line, as rabbitmqctl has it, so that a long list can be read by line. */
function jsonList(objects: readonly string[]): string {
  return lines(['[', ...objects.map((object, index) => (index === 0 ? object : `,${object}`)), ']']);
}

/** A value as rabbitmqctl writes it: arguments look like Erlang terms, `[{"x-max-length",5}]`. */
function term(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? nested(value) : String(value);
}

function nested(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(nested).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    return `[${Object.entries(value)
      .map(([key, each]) => `{${JSON.stringify(key)},${nested(each)}}`)
      .join(',')}]`;
  }
  return String(value);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}
