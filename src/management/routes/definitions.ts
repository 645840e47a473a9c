import { DefinitionError } from '../../definitions/definition-error.ts';
import { exportAll, exportVhost, type Sections } from '../../definitions/export.ts';
import { importDefinitions } from '../../definitions/import.ts';
import { type Api, virtualHost } from '../api.ts';
import { badRequest } from '../http/api-error.ts';
import { selectColumns } from '../http/columns.ts';
import { arrayParts, JsonStream } from '../http/json-stream.ts';
import { listQuery } from '../http/listing.ts';
import { Answer, noContent, type Route, route } from '../http/route.ts';
import { type JsonSchema, optional, text } from '../http/schema.ts';

const tag = 'Definitions';
const query = { columns: listQuery.columns, download: optional(text('Name of the file to save it as.')) };

/** Everything but messages, as one JSON document (RabbitMQ page "Definitions"). */
export function definitionRoutes(api: Api): readonly Route[] {
  const answers = {
    200: 'Imported; `skipped` and `without_effect` tell what has no equivalent here',
    204: 'Imported as a whole',
  };
  const take = async (file: Buffer, into?: string): Promise<Answer> => {
    if (file.length === 0) return noContent;
    try {
      const report = await importDefinitions(api, file, into);
      for (const { kind, name, vhost, reason } of report.skipped) {
        api.logger.warn({ kind, name, vhost }, `definitions: ${kind} '${name}' was left out: ${reason}`);
      }
      for (const { kind, name, vhost, reason } of report.withoutEffect) {
        api.logger.warn({ kind, name, vhost }, `definitions: ${kind} '${name}': ${reason}`);
      }
      const { imported, skipped, withoutEffect } = report;
      if (skipped.length + withoutEffect.length === 0) return noContent;
      return new Answer(200, { imported, skipped, without_effect: withoutEffect });
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error;
      const { kind, message } = error;
      throw kind === 'syntax' ? badRequest('failed_to_parse_json', message) : badRequest(message);
    }
  };
  const administrator = { access: 'administrator', tag, takesQueryLogin: true } as const;
  return ['/definitions', '/all-configuration'].flatMap((base) => [
    route('GET', {
      ...administrator,
      path: base,
      summary: 'Definitions of the whole broker',
      query,
      handle: (call) => written(exportAll(api), call.query),
    }),
    route('POST', {
      ...administrator,
      path: base,
      summary: 'Adds definitions to what is there; nothing is deleted',
      file: document,
      answers,
      handle: ({ bytes }) => take(bytes),
    }),
    route('GET', {
      ...administrator,
      path: `${base}/{vhost}` as const,
      summary: 'Definitions of one virtual host',
      query,
      handle: (call) => written(exportVhost(api, virtualHost(api, call.parameters.vhost)), call.query),
    }),
    route('POST', {
      ...administrator,
      path: `${base}/{vhost}` as const,
      summary: 'Adds definitions to a virtual host',
      file: document,
      answers,
      handle: ({ parameters, bytes }) => take(bytes, parameters.vhost),
    }),
  ]);
}

const sections = ['users', 'vhosts', 'permissions', 'topic_permissions', 'parameters', 'global_parameters'];
const topology = ['policies', 'queues', 'exchanges', 'bindings'];

/** A definition file. {@link importDefinitions} says what is wrong with one. */
const document: JsonSchema = {
  type: 'object',
  properties: Object.fromEntries(
    [...sections, ...topology].map((name) => [name, { type: 'array', items: { type: 'object' } }]),
  ),
};

function written(
  sections: Sections,
  { columns, download }: { readonly columns: string | undefined; readonly download: string | undefined },
): Answer {
  const chosen = selectColumns(sections, columns);
  const headers: Record<string, string> =
    download === undefined
      ? {}
      : { 'content-disposition': `attachment; filename="${encodeURIComponent(download)}"` };
  return new Answer(200, new JsonStream(parts(chosen)), headers);
}

/** The document, row by row: there may be a hundred thousand queues in it. */
function* parts(sections: Sections): Iterable<string> {
  let separator = '{';
  for (const [name, section] of Object.entries(sections)) {
    yield `${separator}${JSON.stringify(name)}:`;
    separator = ',';
    if (isIterable(section)) yield* arrayParts(section);
    else yield JSON.stringify(section);
  }
  yield separator === '{' ? '{}' : '}';
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
