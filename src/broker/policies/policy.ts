import type { JsonValue } from '../store.ts';
import { mergedDefinition, type PolicyDefinition } from './definition.ts';

/** Whether users set it or those who run the broker; names as in RabbitMQ's parameters. */
export type PolicyKind = 'policy' | 'operator_policy';

/** What a policy may be meant for. */
export const policyTargets = [
  'queues',
  'classic_queues',
  'quorum_queues',
  'streams',
  'exchanges',
  'all',
] as const;
export type PolicyTarget = (typeof policyTargets)[number];

/** Settings for all queues and exchanges of a virtual host whose names match (RabbitMQ page "Policies"). */
export interface Policy {
  readonly name: string;
  /** Regular expression (PCRE) that is looked for anywhere in the name. */
  readonly pattern: string;
  readonly applyTo: PolicyTarget;
  /** Of the policies that match, only the one with the highest priority applies. */
  readonly priority: number;
  readonly definition: PolicyDefinition;
}

/** A policy somebody wants: not checked yet. */
export interface PolicyRequest {
  readonly name: string;
  readonly pattern: JsonValue;
  /** Default: all. */
  readonly applyTo?: JsonValue;
  /** Default: 0. */
  readonly priority?: JsonValue;
  readonly definition: JsonValue;
}

/** A policy that cannot be: the message says it in RabbitMQ's words. The HTTP API answers 400. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/** The policies in force for a queue or exchange, shared by all for which they are the same. */
export class AppliedPolicies {
  static readonly none = new AppliedPolicies(undefined, undefined);

  readonly policy: Policy | undefined;
  readonly operatorPolicy: Policy | undefined;
  /** Both together; empty without any. What the arguments of a queue say comes on top. */
  readonly definition: PolicyDefinition;

  constructor(policy: Policy | undefined, operatorPolicy: Policy | undefined) {
    this.policy = policy;
    this.operatorPolicy = operatorPolicy;
    this.definition = mergedDefinition(policy?.definition, operatorPolicy?.definition);
  }
}
