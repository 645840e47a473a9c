import type { AlarmResource } from '../broker/alarms.ts';
import type { QueueType } from '../broker/queue-type.ts';

/**
 * What the HTTP API needs to know of a broker: read only, and cheap to ask. The broker implements it; the
 * names here are ours, those on the wire are RabbitMQ's.
 */
export interface BrokerView {
  /** Name of this node, such as `leveret@host`. */
  readonly nodeName: string;
  totals(): BrokerTotals;
  listeners(): readonly ListenerView[];
  virtualHosts(): readonly string[];
  /** All queues, in any order. */
  queues(): Iterable<QueueView>;
  health(): HealthView;
}

/** Objects alive right now. */
export interface BrokerTotals {
  readonly connections: number;
  readonly channels: number;
  readonly exchanges: number;
  readonly queues: number;
  readonly consumers: number;
  readonly messagesReady: number;
  readonly messagesUnacknowledged: number;
}

export interface ListenerView {
  /** `amqp`, `amqp/ssl` or `http`. */
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
}

export interface QueueView {
  readonly name: string;
  readonly vhost: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusive: boolean;
  readonly type: QueueType;
  /** The arguments it was declared with, as plain JSON. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Names of the policies that apply. */
  readonly policy: string | undefined;
  readonly operatorPolicy: string | undefined;
  /** What the two amount to. */
  readonly effectivePolicyDefinition: Readonly<Record<string, unknown>>;
  readonly messagesReady: number;
  readonly messagesUnacknowledged: number;
  readonly consumers: number;
  readonly state: 'running' | 'idle' | 'flow' | 'down' | 'stopped';
}

export interface HealthView {
  /** Clients can connect. */
  readonly ready: boolean;
  /** Resources that have run out; publishers are blocked meanwhile. */
  readonly alarms: readonly AlarmResource[];
  /** Virtual hosts that cannot be used. */
  readonly virtualHostsDown: readonly string[];
  /** Messages that were found damaged on disk since the start. */
  readonly damagedMessages: number;
}

/** Somebody who may use the HTTP API, if the tags say so. */
export interface Principal {
  readonly username: string;
  readonly tags: readonly string[];
}

/**
 * Checks a login; `address` is the client's IP address (guest may only log in from this machine).
 *
 * @returns `undefined` when it is refused, for whatever reason.
 */
export type Authenticate = (
  username: string,
  password: string,
  address: string,
) => Promise<Principal | undefined>;
