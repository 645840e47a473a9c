import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { HttpClient } from './http-client.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly string[];
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query';
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

let broker: RunningBroker;
let http: HttpClient;
let operations: { readonly method: string; readonly path: string; readonly operation: Operation }[];

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  http = new HttpClient(broker.managementPort);
  await http.put('/api/queues/%2F/q', { durable: true });
  const { body } = await http.get('/api/openapi.json', { login: '' });
  operations = Object.entries<Record<string, Operation>>(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
});

afterAll(() => broker.close());

/** Names of things that are there, of things that are not, and nonsense. */
const segment = fc.oneof(
  fc.constantFrom('/', 'q', 'amq.topic', 'amq.default', 'guest', '~', 'nope', 'classic', '%', 'policy'),
  // Not . and .., which clients take as steps in a path.
  fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }).filter((text) => !/^\.\.?$/.test(text)),
  fc.constant('x'.repeat(300)),
);

/** A value of that kind, mostly; or anything. */
function valueFor(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 3, arbitrary: fitting(schema) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  );
}

function fitting({ type, properties, items, enum: words }: Schema): fc.Arbitrary<unknown> {
  if (words !== undefined) return fc.constantFrom(...words);
  switch (type) {
    case 'object':
      return properties === undefined
        ? fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
        : fc.record(
            Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, valueFor(each)])),
            { requiredKeys: [] },
          );
    case 'array':
      return fc.array(valueFor(items ?? {}), { maxLength: 3 });
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.oneof(fc.integer({ min: -2, max: 10 }), fc.maxSafeInteger());
    case 'string':
      return segment;
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

describe('the description', () => {
  it('has every route, each with a name of its own and a summary', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(100);
    expect(operations.every(({ operation }) => operation.summary.length > 3)).toBe(true);
  });

  it('holds for random requests to every route: no 500, and only answers that it tells', async () => {
    const statuses = new Map<string, Set<number>>();
    for (const { method, path, operation } of operations) {
      const seen = new Set<number>();
      statuses.set(operation.operationId, seen);
      await fc.assert(
        fc.asyncProperty(requestFor(operation), async ({ segments, query, body }) => {
          // guest and the virtual host have to stay for the next request.
          if (method === 'DELETE' && segments.includes('guest')) return;
          if (method === 'DELETE' && path === '/api/vhosts/{vhost}' && segments.includes('/')) return;
          if (path.startsWith('/api/users/') && method !== 'GET') return;
          let next = 0;
          const filled = path.replaceAll(/\{\w+\}/g, () =>
            encodeURIComponent(wellFormed(segments[next++] ?? '')),
          );
          const search = new URLSearchParams();
          for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
          const answer = await http.send(method, `${filled}?${search}`, body === undefined ? {} : { body });
          const { status, text } = answer;
          const told = [...Object.keys(operation.responses).map(Number), 404];
          expect({ method, filled, search: search.toString(), body, text, status }).toMatchObject({
            status: expect.toBeOneOf(told),
          });
          if (status === 400) expect(String(answer.body.reason).length).toBeGreaterThan(2);
          seen.add(status);
        }),
        { numRuns: Number(process.env['FUZZ_RUNS'] ?? 4), endOnFailure: true },
      );
    }
    expect(await http.get('/api/whoami')).toMatchObject({ status: 200 });
    const unreached = [...statuses].filter(([, seen]) => seen.size === 0).map(([id]) => id);
    expect(unreached.filter((id) => !/(Users|Vhosts)/.test(id))).toEqual([]);
  }, 120_000);
});

function requestFor({ parameters, requestBody }: Operation) {
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const schema = requestBody?.content['application/json']?.schema;
  const query = inQuery.map(({ name, schema: of }) => [name, inAddress(of)] as const);
  return fc.record({
    segments: fc.tuple(...inPath.map(() => segment)),
    query: fc.record(Object.fromEntries(query), { requiredKeys: [] }),
    body:
      schema === undefined
        ? fc.constant(undefined)
        : fc.oneof(
            { weight: 9, arbitrary: valueFor(schema).map((value) => JSON.stringify(value)) },
            { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
          ),
  });
}

/** A value that fits, as a text; or any text. */
function inAddress(schema: Schema): fc.Arbitrary<string> {
  const fits = fitting(schema).map((value) =>
    wellFormed(typeof value === 'string' ? value : JSON.stringify(value)),
  );
  return fc.oneof(fits, fc.string({ maxLength: 8 }));
}

/** Lone surrogates have no encoding. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

describe('limits', () => {
  it('are kept for bodies, headers and nesting', async () => {
    const large = await http.send('PUT', '/api/global-parameters/large', {
      body: `{"value":"${'x'.repeat(64 * 1024 * 1024)}"}`,
    });
    expect(large).toMatchObject({ status: 413, body: { error: 'request_entity_too_large' } });
    const header = await http.get('/api/overview', { headers: { 'x-large': 'x'.repeat(20_000) } });
    expect(header.status).toBe(431);
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const { status } = await http.put('/api/queues/%2F/deep', `{"arguments":{"a":${nested}}}`);
    expect(status).toBe(400);
    expect((await http.put('/api/global-parameters/deep', `{"value":${nested}}`)).status).toBe(400);
    expect((await http.put('/api/queues/%2F/proto', '{"arguments":{"__proto__":1}}')).status).toBe(201);
    const { body } = await http.get('/api/queues/%2F/proto');
    expect(Object.keys(body.arguments)).toEqual(['__proto__']);
  });
});
