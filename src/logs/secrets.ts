import { pino } from 'pino';

/** Fields that are never written, wherever they stand in a log entry of ours. */
const secretFields: ReadonlySet<string> = new Set([
  'password',
  'pass',
  'passphrase',
  'authorization',
  'response',
  'token',
]);

/** The fields of an entry, those of an object or list among them, and once more: no entry of ours goes further down. */
const depth = 3;

/**
 * What is logged, with `[hidden]` in place of secrets; errors as plain objects. Most entries are a few names and
 * numbers, and come back as they are: pino's own redaction would try every path that a secret may lie on.
 */
export function withoutSecrets<Fields extends object>(
  fields: Fields,
  left = depth,
): Fields | Record<string, unknown> {
  let shown: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(fields)) {
    const replaced = secretFields.has(name) ? '[hidden]' : ofValue(value, left - 1);
    if (replaced === value) continue;
    shown ??= Object.fromEntries(Object.entries(fields));
    shown[name] = replaced;
  }
  return shown ?? fields;
}

function ofValue(value: unknown, left: number): unknown {
  if (typeof value !== 'object' || value === null || left === 0 || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((each) => ofValue(each, left - 1));
  return withoutSecrets(value instanceof Error ? pino.stdSerializers.err(value) : value, left);
}
