import { isObject } from '../../json-object.ts';
import { Slices } from '../../slices.ts';
import { erlangJson } from '../erlang-term.ts';
import type { ResourceKind } from '../names.ts';
import type { QueueType } from '../queue-type.ts';
import type { Queue } from '../queues/queue.ts';
import type { Exchange } from '../routing/exchange.ts';
import type { JsonValue } from '../store.ts';
import { checkDefinition } from './keys.ts';
import { NamePattern, patternFault } from './name-pattern.ts';
import {
  AppliedPolicies,
  type Policy,
  PolicyError,
  type PolicyKind,
  type PolicyRequest,
  type PolicyTarget,
  policyTargets,
} from './policy.ts';
import { isSupported } from './unsupported-keys.ts';

/** Policies of one kind in a virtual host. Every declaration and every change looks at all of them. */
const policiesMax = 1000;

/** Queues that are given their policies before anybody looks at the clock. */
const queuesPerLook = 16;

/** Longest name of a policy, and longest definition as JSON, in bytes. */
const nameBytesMax = 255;
const definitionBytesMax = 65_536;

/** Where policies apply: a virtual host. */
export interface PolicyScope {
  queues(): Iterable<Queue>;
  exchanges(): Iterable<Exchange>;
  /** Notes a policy to be kept; `undefined` removes it. */
  definePolicy(kind: PolicyKind, name: string, policy: Policy | undefined): void;
  /** Other policies hold for the queue from now on. */
  policiesApplied(queue: Queue): void;
}

/** A policy, ready to look at names. */
interface Rule {
  readonly policy: Policy;
  readonly pattern: NamePattern;
}

/**
 * Policies and operator policies of a virtual host (RabbitMQ page "Policies"). At most one of each applies to
 * a queue or exchange: the matching one with the highest priority, and of several such, the first by name. A
 * policy with a setting that a queue's type does not have is not for this queue.
 *
 * Names are matched when something is declared and when a policy changes, never when messages come and go. A change
 * holds at once for what is declared from then on, and for what is there bit by bit, if that is very much.
 */
export class Policies {
  readonly #scope: PolicyScope;
  /** In the order in which they are tried. */
  readonly #rules: Record<PolicyKind, Rule[]> = { policy: [], operator_policy: [] };
  /** One object for each pair in force. */
  #pairs = new Map<Policy | undefined, Map<Policy | undefined, AppliedPolicies>>();
  /** Counts the changes: a later one ends what is still being done for those before it, as it looks at everything. */
  #changes = 0;
  #applied: Promise<void> = Promise.resolve();

  constructor(scope: PolicyScope) {
    this.#scope = scope;
  }

  /** By priority, then by name. */
  list(kind: PolicyKind): readonly Policy[] {
    return this.#rules[kind].map(({ policy }) => policy);
  }

  find(kind: PolicyKind, name: string): Policy | undefined {
    return this.#rules[kind].find(({ policy }) => policy.name === name)?.policy;
  }

  /**
   * Sets a policy, in place of the one with this name, and begins to apply it; see {@link applied}.
   *
   * @throws PolicyError
   */
  set(kind: PolicyKind, request: PolicyRequest): Policy {
    const policy = checkedPolicy(kind, request);
    const before = this.find(kind, policy.name);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(policy)) return before;
    if (before === undefined && this.#rules[kind].length >= policiesMax) {
      throw invalid([`a virtual host has at most ${policiesMax} policies`]);
    }
    this.#put(kind, policy);
    this.#scope.definePolicy(kind, policy.name, policy);
    this.apply();
    return policy;
  }

  /** True if there was such a policy; what it did is undone, see {@link applied}. */
  clear(kind: PolicyKind, name: string): boolean {
    if (!this.#remove(kind, name)) return false;
    this.#scope.definePolicy(kind, name, undefined);
    this.apply();
    return true;
  }

  /** A policy from before a restart; applies to what is recovered after it. @throws PolicyError */
  recover(kind: PolicyKind, request: PolicyRequest): void {
    this.#put(kind, checkedPolicy(kind, request));
  }

  /** The policies for a queue, or an exchange, of this name. */
  match(kind: ResourceKind, name: string, type: QueueType = 'classic'): AppliedPolicies {
    const policy = this.#first('policy', kind, name, type);
    const operatorPolicy = this.#first('operator_policy', kind, name, type);
    if (policy === undefined && operatorPolicy === undefined) return AppliedPolicies.none;
    let pairs = this.#pairs.get(policy);
    if (pairs === undefined) {
      pairs = new Map();
      this.#pairs.set(policy, pairs);
    }
    let pair = pairs.get(operatorPolicy);
    if (pair === undefined) {
      pair = new AppliedPolicies(policy, operatorPolicy);
      pairs.set(operatorPolicy, pair);
    }
    return pair;
  }

  /** Resolves when the policies that there are hold for everything. */
  get applied(): Promise<void> {
    return this.#applied;
  }

  /** Matches everything that is there anew. What keeps its policies is left alone. */
  apply(): void {
    this.#pairs = new Map();
    this.#applied = this.#applyAll(++this.#changes);
  }

  /** Nothing is applied any more: the virtual host goes, or the broker. */
  stop(): void {
    this.#changes++;
  }

  async #applyAll(change: number): Promise<void> {
    const slices = new Slices(queuesPerLook);
    // A limit that comes into force may make queues dead-letter, and an expiry may delete them.
    for (const each of [...this.#scope.exchanges(), ...this.#scope.queues()]) {
      this.#applyTo(each);
      const pause = slices.next();
      if (pause === undefined) continue;
      await pause;
      if (change !== this.#changes) return this.#applied;
    }
  }

  #applyTo(one: Exchange | Queue): void {
    const applied = this.match(one.kind, one.name, one.kind === 'queue' ? one.type : undefined);
    if (isSame(applied, one.policies) || (one.kind === 'queue' && one.isDeleted)) return;
    one.applyPolicies(applied);
    if (one.kind === 'queue') this.#scope.policiesApplied(one);
  }

  #first(policyKind: PolicyKind, kind: ResourceKind, name: string, type: QueueType): Policy | undefined {
    for (const { policy, pattern } of this.#rules[policyKind]) {
      if (isMeant(policy.applyTo, kind, type) && pattern.matches(name)) {
        if (kind === 'exchange' || isSupported(type, policy.definition)) return policy;
      }
    }
    return undefined;
  }

  #put(kind: PolicyKind, policy: Policy): void {
    this.#remove(kind, policy.name);
    const rules = this.#rules[kind];
    const next = rules.findIndex(({ policy: other }) => comesBefore(policy, other));
    const rule = { policy, pattern: new NamePattern(policy.pattern) };
    rules.splice(next < 0 ? rules.length : next, 0, rule);
  }

  #remove(kind: PolicyKind, name: string): boolean {
    const rules = this.#rules[kind];
    const index = rules.findIndex(({ policy }) => policy.name === name);
    if (index >= 0) rules.splice(index, 1);
    return index >= 0;
  }
}

function comesBefore(policy: Policy, other: Policy): boolean {
  return policy.priority === other.priority ? policy.name < other.name : policy.priority > other.priority;
}

function isSame(one: AppliedPolicies, other: AppliedPolicies): boolean {
  return one.policy === other.policy && one.operatorPolicy === other.operatorPolicy;
}

const typesMeant: Readonly<Record<PolicyTarget, readonly (QueueType | 'exchange')[]>> = {
  all: ['exchange', 'classic', 'quorum', 'stream'],
  exchanges: ['exchange'],
  queues: ['classic', 'quorum', 'stream'],
  classic_queues: ['classic'],
  quorum_queues: ['quorum'],
  streams: ['stream'],
};

function isMeant(target: PolicyTarget, kind: ResourceKind, type: QueueType): boolean {
  return typesMeant[target].includes(kind === 'exchange' ? 'exchange' : type);
}

/** @throws PolicyError with all that is wrong, in RabbitMQ's words and order */
function checkedPolicy(kind: PolicyKind, request: PolicyRequest): Policy {
  const { name, pattern, applyTo = 'all', priority = 0, definition } = request;
  if (Buffer.byteLength(name) > nameBytesMax) {
    throw invalid([`the name of a policy has at most ${nameBytesMax} bytes`]);
  }
  const target = policyTargets.find((known) => known === applyTo);
  const faults = [
    definitionFault(kind, definition),
    target === undefined ? targetFault(applyTo) : undefined,
    wrongTarget(target, definition),
    wrongPattern(pattern),
    typeof priority === 'number'
      ? undefined
      : `priority should be a number, actually was ${erlangJson(priority)}`,
  ].filter((fault) => fault !== undefined);
  if (
    faults.length > 0 ||
    !isObject(definition) ||
    target === undefined ||
    typeof pattern !== 'string' ||
    typeof priority !== 'number'
  ) {
    throw invalid(faults);
  }
  // A copy: what the caller does with its own must not reach the queues.
  return { name, pattern, applyTo: target, priority, definition: structuredClone(definition) };
}

function invalid(faults: readonly string[]): PolicyError {
  return new PolicyError(`Validation failed\n\n${faults.join('\n')}`);
}

function definitionFault(kind: PolicyKind, definition: JsonValue): string | undefined {
  if (!isObject(definition)) return `definition must be a dictionary: ${erlangJson(definition)}`;
  const bytes = Buffer.byteLength(JSON.stringify(definition));
  if (bytes > definitionBytesMax) return `a definition has at most ${definitionBytesMax} bytes`;
  return checkDefinition(kind, definition);
}

function wrongPattern(pattern: JsonValue): string | undefined {
  if (typeof pattern !== 'string') return `pattern should be a binary but was ${erlangJson(pattern)}`;
  const reason = patternFault(pattern);
  return reason && `pattern should be regular expression but is invalid: ${reason}`;
}

/** Exchanges would need a place for their ids. */
function wrongTarget(target: PolicyTarget | undefined, definition: JsonValue): string | undefined {
  if (target !== 'exchanges' || !isObject(definition) || !('x-message-deduplication' in definition))
    return undefined;
  return "'x-message-deduplication' of a policy is for queues: declare exchanges with it";
}

function targetFault(applyTo: JsonValue): string {
  const shown = typeof applyTo === 'string' ? applyTo : erlangJson(applyTo);
  const known = policyTargets.map((target) => `'${target}'`);
  return `apply-to '${shown}' unrecognised; should be ${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
}
