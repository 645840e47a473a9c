import { version } from '../../version.ts';
import type { Access } from './access.ts';
import type { RouteDescription } from './route.ts';
import { parameterNames } from './route.ts';
import type { JsonSchema } from './schema.ts';

const json = 'application/json';

const errorSchema: JsonSchema = {
  type: 'object',
  required: ['error', 'reason'],
  properties: {
    error: { type: 'string' },
    reason: { type: ['string', 'array'], description: "RabbitMQ's words." },
    message: { type: 'string', description: 'What to do, where the reason does not say it.' },
  },
};

const accessNotes: Readonly<Record<Access, string>> = {
  public: 'No login needed.',
  management: 'For users with any management tag.',
  policymaker: 'For users with the tag policymaker or administrator.',
  monitoring: 'For users with the tag monitoring or administrator.',
  administrator: 'For users with the tag administrator.',
};

/** The API as an OpenAPI 3.1 document, made from the very routes that are served. */
export function openApi(routes: readonly RouteDescription[]): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/api${route.path}`;
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Leveret HTTP API',
      version,
      description: "RabbitMQ's management API, and what is marked as an extension beyond it.",
    },
    security: [{ basic: [] }],
    paths,
    components: {
      securitySchemes: { basic: { type: 'http', scheme: 'basic' } },
      schemas: { Error: errorSchema },
    },
  };
}

function operation(route: RouteDescription): Readonly<Record<string, unknown>> {
  const { method, path, access, tag, summary, query, isExtension } = route;
  const pathParameters = parameterNames(path).map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const queryParameters = Object.entries(query).map(([name, { schema, isOptional }]) => {
    const { description, ...rest } = schema;
    return {
      name,
      in: 'query',
      required: !isOptional,
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-zA-Z]+([a-zA-Z]?)/g, (_, letter: string) => letter.toUpperCase())}`,
    tags: [tag],
    summary,
    description: accessNotes[access],
    parameters: [...pathParameters, ...queryParameters],
    ...requestBody(route),
    responses: responses(route),
    ...(access === 'public' && { security: [] }),
    ...(isExtension && { 'x-leveret-extension': true }),
  };
}

function requestBody({ body, file }: RouteDescription): Readonly<Record<string, unknown>> {
  const schema = body?.schema ?? file;
  if (schema === undefined) return {};
  const form = { type: 'object', properties: { file: { type: 'string', format: 'binary' } } };
  return {
    requestBody: {
      required: Array.isArray(schema['required']),
      content: {
        [json]: { schema },
        ...(file !== undefined && { 'multipart/form-data': { schema: form } }),
      },
    },
  };
}

function responses({
  method,
  path,
  access,
  query,
  body,
  file,
  answers,
  contentTypes,
}: RouteDescription): Readonly<Record<string, unknown>> {
  const success: Readonly<Record<number, string>> = method === 'GET' ? { 200: 'OK' } : { 204: 'Done' };
  const takesBody = body !== undefined || file !== undefined;
  const takesInput = takesBody || Object.keys(query).length > 0 || path.includes('{');
  const all: Readonly<Record<number, string>> = {
    ...(Object.keys(answers).some((status) => Number(status) < 300) ? {} : success),
    503: 'Too many requests are being answered already: try again later',
    ...answers,
    ...(takesInput && { 400: 'The request cannot be carried out as it is' }),
    ...(access !== 'public' && { 401: 'No login, a wrong one, or one that may not do this' }),
    ...(path.includes('{') && { 404: 'There is no such object' }),
    ...(takesBody && { 413: 'The body is too large' }),
  };
  return Object.fromEntries(
    Object.entries(all).map(([status, description]) => [
      status,
      response(Number(status), description, contentTypes),
    ]),
  );
}

function response(
  status: number,
  description: string,
  contentTypes: readonly string[] = [json],
): Readonly<Record<string, unknown>> {
  if (status === 204 || status === 201) return { description };
  const schema = status >= 400 && status < 500 ? { $ref: '#/components/schemas/Error' } : {};
  const types = status < 300 ? contentTypes : [json];
  return { description, content: Object.fromEntries(types.map((type) => [type, { schema }])) };
}
