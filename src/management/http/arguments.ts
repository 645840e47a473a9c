import type { JsonValue } from '../../broker/store.ts';
import { isObject } from '../../json-object.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { nestingMax } from '../../protocol/field-table-codec.ts';
import { type PlainValue, tableFrom } from '../../protocol/plain-value.ts';
import { badRequest } from './api-error.ts';
import { dictionary, type Field, type JsonSchema } from './schema.ts';

/** AMQP's short strings, which keys are, hold no more. */
const keyBytesMax = 255;

const schema: JsonSchema = {
  type: 'object',
  description: 'A field table: numbers, texts, booleans, lists, objects.',
};

/** `arguments` or `headers`: a table with the types that RabbitMQ chooses for JSON; absent: empty. */
export function fieldTable(): Field<FieldTable> {
  const object = dictionary();
  return {
    schema,
    isOptional: true,
    read: (value, name) => {
      if (value === null) return FieldTable.empty;
      return tableFrom(checkedObject(object.read(value, name), name, 0));
    },
  };
}

function checkedObject(
  all: { readonly [key: string]: JsonValue },
  name: string,
  depth: number,
): { readonly [key: string]: PlainValue } {
  if (depth > nestingMax) throw badRequest(`${name} is nested too deeply`);
  const checked = Object.entries(all).map(([key, value]) => {
    if (Buffer.byteLength(key) > keyBytesMax) {
      throw badRequest(`a key in ${name} has more than ${keyBytesMax} bytes`);
    }
    return [key, checkedValue(value, name, depth)] as const;
  });
  return Object.fromEntries(checked);
}

function checkedValue(value: JsonValue, name: string, depth: number): PlainValue {
  if (depth > nestingMax) throw badRequest(`${name} is nested too deeply`);
  if (value === null) throw badRequest('null_not_allowed', `'${name}' cannot hold null.`);
  if (Array.isArray(value)) return value.map((item) => checkedValue(item, name, depth + 1));
  return isObject(value) ? checkedObject(value, name, depth + 1) : value;
}
