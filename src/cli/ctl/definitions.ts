import { readFile, writeFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';
import { isObject, type JsonObject } from '../../json-object.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { objectOf, objectsOf } from './api.ts';
import { type Command, type Invocation, linesOf } from './command.ts';

/** Everything but messages, in RabbitMQ's format. */
export const definitionCommands: readonly Command[] = [
  {
    synopsis: 'export_definitions [file]',
    doc: 'Write all definitions as JSON to a file that only you can read, or to standard output (-)',
    flags: ['format'],
    banner: (given) =>
      isStandard(given) ? '' : `Exporting definitions in JSON to a file at "${given.argument(0)}" ...`,
    run: async (given) => {
      checkFormat(given);
      const definitions = `${JSON.stringify(await given.api.object('/api/definitions'))}\n`;
      if (isStandard(given)) return definitions;
      await writeFile(given.argument(0), definitions, { mode: 0o600 }).catch((error: unknown) => {
        throw fileError('write', given.argument(0), error);
      });
      return '';
    },
  },
  {
    synopsis: 'import_definitions [file]',
    doc: 'Add the definitions of a JSON file, or of standard input (-); nothing is deleted',
    flags: ['format', 'skip-if-unchanged'],
    banner: (given) =>
      `Importing definitions in JSON from ${isStandard(given) ? 'standard input' : `a file at "${given.argument(0)}"`} ...`,
    run: async (given) => {
      checkFormat(given);
      const report = await given.api.post('/api/definitions', parsed(await read(given)));
      const skipped = objectsOf(objectOf(report)['skipped']);
      const lines = skipped.map(
        ({ kind, name, vhost, reason }) =>
          `left out: ${kind} "${name}"${vhost === undefined ? '' : ` in vhost "${vhost}"`}: ${reason}`,
      );
      if (given.isJson) return given.value({ result: 'ok', skipped }, []);
      const done = given.isTalkative ? ['Definitions are imported.'] : [];
      return linesOf([...done, ...lines]);
    },
  },
];

function isStandard(given: Invocation): boolean {
  return ['', '-'].includes(given.argument(0));
}

function checkFormat(given: Invocation): void {
  const format = given.flag('format') ?? 'json';
  if (format.toLowerCase() === 'json') return;
  throw new CommandError(`--format: "${format}" is not json, the only format`, ExitCode.Data);
}

async function read(given: Invocation): Promise<string> {
  if (isStandard(given)) return readText(process.stdin);
  return readFile(given.argument(0), 'utf8').catch((error: unknown) => {
    throw fileError('read', given.argument(0), error);
  });
}

function parsed(json: string): JsonObject {
  try {
    const definitions: unknown = JSON.parse(json);
    if (isObject(definitions)) return definitions;
  } catch {
    // Said below.
  }
  throw new CommandError('that is no JSON object: import what export_definitions has written', ExitCode.Data);
}

function fileError(verb: string, file: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? error.code : error;
  return new CommandError(`cannot ${verb} ${file} (${code})`, ExitCode.Data);
}
