import type { JsonValue } from '../../broker/store.ts';
import { badRequest } from '../http/api-error.ts';
import type { Field } from '../http/schema.ts';

/** Tags: a list, or a text with commas in it. */
export function tags(): Field<readonly string[]> {
  return {
    schema: {
      type: ['array', 'string'],
      items: { type: 'string' },
      description: 'A list, or a text with commas.',
    },
    isOptional: false,
    read: (value, name) => {
      const given = typeof value === 'string' ? value.split(',') : value;
      if (!Array.isArray(given)) throw badRequest(`${name} must be a list or a text with commas`);
      return given.flatMap((each) => {
        if (typeof each !== 'string') throw badRequest(`${name} must be texts`);
        return each.trim() === '' ? [] : [each.trim()];
      });
    },
  };
}

/** What should be a number, as it was sent, but for `"5"`, which is 5. */
export function numberOf(value: JsonValue): JsonValue {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}
