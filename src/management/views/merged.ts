import type { Json } from '../http/columns.ts';

/**
 * One object with the fields of all parts, in their order; `false` adds none. What lists make by the hundred thousand
 * comes from here: an object literal with many spreads would get a hidden class of its own each time, which for a
 * queue costs 25 KB and ten times the time.
 */
export function merged(...parts: readonly (Json | false)[]): Json {
  return Object.assign({}, ...parts);
}
