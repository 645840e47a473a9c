import type { Broker } from '../../broker/broker.ts';
import type { Answers } from '../output/answers.ts';
import type { Channels } from './channels.ts';
import type { ClientEvents } from './client-events.ts';
import type { OpenSession } from './open-session.ts';

/** What is let go of, and who is told. */
export interface HoldingsParts {
  readonly broker: Broker;
  readonly channels: Channels;
  readonly answers: Answers;
  readonly events: ClientEvents;
  readonly nodeName: string;
}

/**
 * What a connection holds in the broker: its session, its channels with their consumers and deliveries, and its
 * exclusive queues. It lets go of them once, when it closes or when its socket is gone, whatever comes first.
 */
export class Holdings {
  /** Owns the exclusive queues. */
  readonly #connection: object;
  readonly #parts: HoldingsParts;
  #session: OpenSession | undefined;
  #isReleased = false;
  #released: Promise<void> = Promise.resolve();

  constructor(connection: object, parts: HoldingsParts) {
    this.#connection = connection;
    this.#parts = parts;
  }

  /** From connection.open on; what was agreed on stays known when it has ended. */
  get session(): OpenSession | undefined {
    return this.#session;
  }

  opened(session: OpenSession): void {
    this.#session = session;
    this.#parts.broker.churn.connectionCreated++;
  }

  /** Resolves when nothing is left of it, exclusive queues included. */
  get released(): Promise<void> {
    return this.#released;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { broker, channels, answers } = this.#parts;
    if (this.#session !== undefined) {
      broker.churn.connectionClosed++;
      this.#session.end();
    }
    answers.stop();
    this.#released = this.#releaseAll(channels.release());
  }

  /** `channels`: when what is left of them will be gone, if anything is. */
  async #releaseAll(channels: Promise<void> | undefined): Promise<void> {
    if (channels !== undefined) await channels;
    if (this.#session === undefined) return;
    const queues = this.#session.vhost.deleteExclusiveQueues(this.#connection);
    this.#parts.events.closed(this.#session, this.#parts.nodeName);
    await queues;
  }
}
