import type { Policy } from '../../broker/policies/policy.ts';
import type { Json } from '../http/columns.ts';

/** A policy or operator policy as lists and definitions have it. */
export function policyView(vhost: string, { name, pattern, applyTo, definition, priority }: Policy): Json {
  return { vhost, name, pattern, 'apply-to': applyTo, definition, priority };
}
