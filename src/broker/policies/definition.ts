import type { JsonValue } from '../store.ts';

/** Settings under RabbitMQ's names: `{ "max-length": 1000, "overflow": "reject-publish" }`. */
export type PolicyDefinition = Readonly<Record<string, JsonValue>>;

/** Of a policy's value and the operator's, which come under the same key, the one that holds. */
type Merge = (value: JsonValue, ofOperator: JsonValue) => JsonValue;

const smaller: Merge = (value, ofOperator) =>
  typeof value === 'number' && typeof ofOperator === 'number' ? Math.min(value, ofOperator) : ofOperator;

const larger: Merge = (value, ofOperator) =>
  typeof value === 'number' && typeof ofOperator === 'number' ? Math.max(value, ofOperator) : ofOperator;

/** A negative limit is none. */
const deliveryLimit: Merge = (value, ofOperator) =>
  isNegative(value) || isNegative(ofOperator) ? larger(value, ofOperator) : smaller(value, ofOperator);

/** The mode that mirrors more widely. */
const mirrorMode: Merge = (value, ofOperator) =>
  ['all', 'exactly', 'nodes'].find((mode) => value === mode || ofOperator === mode) ?? ofOperator;

/** A number goes with the mode `exactly`, a list with `nodes`, which is the weaker one. */
const mirrorParameters: Merge = (value, ofOperator) => {
  if (Array.isArray(value) && Array.isArray(ofOperator)) {
    return value.length > ofOperator.length ? value : ofOperator;
  }
  if (Array.isArray(value)) return ofOperator;
  if (Array.isArray(ofOperator)) return value;
  return larger(value, ofOperator);
};

const merges: ReadonlyMap<string, Merge> = new Map([
  ['message-ttl', smaller],
  ['expires', smaller],
  ['max-length', smaller],
  ['max-length-bytes', smaller],
  ['max-in-memory-length', smaller],
  ['max-in-memory-bytes', smaller],
  ['delivery-limit', deliveryLimit],
  ['target-group-size', larger],
  ['ha-mode', mirrorMode],
  ['ha-params', mirrorParameters],
]);

/**
 * What a policy and an operator policy amount to: the stricter number; for the rest, the operator wins. Keys
 * are in order.
 */
export function mergedDefinition(
  policy: PolicyDefinition = {},
  operatorPolicy: PolicyDefinition = {},
): PolicyDefinition {
  const merged: { [key: string]: JsonValue } = {};
  for (const key of [...new Set([...Object.keys(policy), ...Object.keys(operatorPolicy)])].sort()) {
    const value = policy[key];
    const ofOperator = operatorPolicy[key];
    if (value === undefined) merged[key] = ofOperator ?? null;
    else if (ofOperator === undefined) merged[key] = value;
    else merged[key] = merges.get(key)?.(value, ofOperator) ?? ofOperator;
  }
  return merged;
}

function isNegative(value: JsonValue): boolean {
  return typeof value === 'number' && value < 0;
}
