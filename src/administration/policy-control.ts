import type { Broker } from '../broker/broker.ts';
import { defaultVirtualHost } from '../broker/names.ts';
import type { Policies } from '../broker/policies/policies.ts';
import { type Policy, PolicyError, type PolicyKind, type PolicyRequest } from '../broker/policies/policy.ts';
import type { AdministrationEvents } from './events.ts';

/** A policy to set: `{ name: 'ttl', pattern: '^eu\\.', definition: { 'message-ttl': 60000 } }`. */
export interface NewPolicy extends PolicyRequest {
  /** Default: `/`. */
  readonly vhost?: string;
}

/**
 * Policies and operator policies of a running broker (RabbitMQ page "Policies"). A change is in force at once for what
 * will be declared, and for what exists when the promises resolve; by then it is on disk, too.
 */
export interface PolicyControl {
  /** Sets a policy in place of the one with this name. Rejects with a {@link PolicyError}. */
  setPolicy(policy: NewPolicy): Promise<void>;
  /** Resolves to false if there is no such policy. */
  clearPolicy(name: string, vhost?: string): Promise<boolean>;
  /** Highest priority first. */
  listPolicies(vhost?: string): readonly Policy[];
  /** Operator policies limit what policies and arguments ask for. Rejects with a {@link PolicyError}. */
  setOperatorPolicy(policy: NewPolicy): Promise<void>;
  /** Resolves to false if there is no such operator policy. */
  clearOperatorPolicy(name: string, vhost?: string): Promise<boolean>;
  /** Highest priority first. */
  listOperatorPolicies(vhost?: string): readonly Policy[];
}

/** Policies of this broker; `events` hears of every change. */
export function policyControl(broker: Broker, events: AdministrationEvents): PolicyControl {
  const policies = (vhost = defaultVirtualHost): Policies => {
    const found = broker.vhost(vhost)?.policies;
    if (found === undefined) throw new PolicyError(`Virtual host '${vhost}' does not exist`);
    return found;
  };
  const set = async (kind: PolicyKind, { vhost, ...request }: NewPolicy): Promise<void> => {
    const ofVhost = policies(vhost);
    const policy = ofVhost.set(kind, request);
    events.policySet(vhost ?? defaultVirtualHost, policy);
    await ofVhost.applied;
    await broker.committer.flush();
  };
  const clear = async (kind: PolicyKind, name: string, vhost?: string): Promise<boolean> => {
    const ofVhost = policies(vhost);
    const isCleared = ofVhost.clear(kind, name);
    if (isCleared) events.policyCleared(kind, vhost ?? defaultVirtualHost, name);
    await ofVhost.applied;
    await broker.committer.flush();
    return isCleared;
  };
  return {
    setPolicy: (policy) => set('policy', policy),
    clearPolicy: (name, vhost) => clear('policy', name, vhost),
    listPolicies: (vhost) => policies(vhost).list('policy'),
    setOperatorPolicy: (policy) => set('operator_policy', policy),
    clearOperatorPolicy: (name, vhost) => clear('operator_policy', name, vhost),
    listOperatorPolicies: (vhost) => policies(vhost).list('operator_policy'),
  };
}
