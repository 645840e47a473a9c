import type { Message } from '../message.ts';
import type { LetterBox, LetterSource } from '../queues/queue-host.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import { Route } from '../routing/route.ts';
import type { MessageRouter } from '../routing/routing.ts';
import { type DeathReason, deadLetter, isAutomaticCycle } from './dead-letter.ts';

/** Dead letters published in a row before other queues and sockets get their turn. */
const lettersPerTurnMax = 1000;

interface DeadLetter {
  readonly letter: Message;
  readonly reason: DeathReason;
}

/** The dead letters of a virtual host on their way from queue to exchange. */
export class DeadLetters implements LetterBox {
  readonly #vhost: MessageRouter;
  /** On their way; somebody is at work on them whenever there are some. */
  readonly #letters: DeadLetter[] = [];
  #isStopped = false;

  constructor(vhost: MessageRouter) {
    this.#vhost = vhost;
  }

  /**
   * Publishes a message that leaves a queue to the queue's dead-letter exchange, if it has one that exists.
   * At most once: nobody waits for it to be on disk.
   */
  publish(queue: LetterSource, message: Message, reason: DeathReason): void {
    const letter = this.#letterOf(queue, message, reason);
    if (letter === undefined) return;
    this.#letters.push({ letter, reason });
    if (this.#letters.length === 1) this.#publishAll();
  }

  /**
   * Publishes a dead letter for which its message stays in `queue` until this succeeds. The store writes down
   * that a message has left its queue only when what was published before is on disk, so its letter survives
   * with as much as it would have if a client had published it. False when the letter reached no queue, or
   * one that is full refused it.
   */
  forward(queue: LetterSource, message: Message, reason: DeathReason): boolean {
    const letter = this.#letterOf(queue, message, reason);
    if (letter === undefined) return false;
    const route = this.#route({ letter, reason });
    const outcome = route.publish(letter, this.#now());
    return route.isRouted && (outcome & PublishOutcome.Refused) === 0;
  }

  /** The rest is forgotten: for the end of the broker. */
  stop(): void {
    this.#isStopped = true;
  }

  /** The message as it goes to the queue's dead-letter exchange; undefined when there is none. */
  #letterOf(queue: LetterSource, message: Message, reason: DeathReason): Message | undefined {
    const { deadLetterExchange, deadLetterRoutingKey } = queue.settings;
    if (deadLetterExchange === undefined) return undefined;
    if (this.#vhost.findExchange(deadLetterExchange) === undefined) return undefined;
    return deadLetter(message, {
      exchange: deadLetterExchange,
      routingKey: deadLetterRoutingKey,
      queue: queue.name,
      reason,
      time: this.#now(),
    });
  }

  /**
   * A letter may expire at once, or be one too many, where it goes, and so on: the list keeps a long chain
   * off the stack, and one without an end (a circle that a consumer's reject allows) leaves others their turn.
   */
  #publishAll(): void {
    const letters = this.#letters;
    let taken = 0;
    try {
      for (const entry of letters) {
        if (taken === lettersPerTurnMax || this.#isStopped) break;
        taken++;
        this.#route(entry).publish(entry.letter, this.#now());
      }
    } finally {
      letters.splice(0, taken);
      if (letters.length > 0 && !this.#isStopped) setImmediate(() => this.#publishAll());
    }
  }

  /** Where a letter goes, but for the queues it would come back to without end. */
  #route({ letter, reason }: DeadLetter): Route {
    const exchange = this.#vhost.findExchange(letter.exchange);
    if (exchange === undefined) return Route.nowhere;
    const route = this.#vhost.route(exchange, letter);
    if (reason === 'rejected') return route;
    return route.to(route.queues.filter((queue) => !isAutomaticCycle(letter, queue.name)));
  }

  /** Between turns too, so never the time of a chunk. */
  #now(): number {
    return this.#vhost.broker.clock.now();
  }
}
