import { erlangJson } from '../erlang-term.ts';
import type { PolicyDefinition } from './definition.ts';
import type { PolicyKind } from './policy.ts';
import type { Fault } from './value-check.ts';

/** The longest delay before a message is given out again, in milliseconds: that of a delayed message. */
export const retryDelayMsMax = 2 ** 32 - 1;

/** The fault of the keys retry-* together. */
export function checkRetries(definition: PolicyDefinition): Fault {
  const { 'retry-delay': delay, 'retry-delay-max': delayMax, 'retry-limit': limit } = definition;
  if (delay === undefined) {
    if (delayMax === undefined && limit === undefined) return undefined;
    return 'retry-delay must be specified to specify retry-delay-max or retry-limit';
  }
  return Number(delayMax ?? delay) < Number(delay)
    ? 'retry-delay-max must not be smaller than retry-delay'
    : undefined;
}

/** The fault of the keys delayed-retry-* together. Operators may set limits alone. */
export function checkDelayedRetries(kind: PolicyKind, definition: PolicyDefinition): Fault {
  const type = definition['delayed-retry-type'] ?? 'disabled';
  const { 'delayed-retry-min': delay, 'delayed-retry-max': delayMax } = definition;
  if (Number(delayMax ?? delay) < Number(delay)) {
    return 'delayed-retry-max must not be smaller than delayed-retry-min';
  }
  if (kind === 'operator_policy' || type === 'disabled') return undefined;
  if (delay === undefined)
    return `delayed-retry-min must be specified for delayed-retry-type ${erlangJson(type)}`;
  return definition['retry-delay'] === undefined
    ? undefined
    : 'retry-delay and delayed-retry-type cannot be specified together';
}
