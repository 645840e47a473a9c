import { AmqpError } from '../../protocol/errors.ts';
import type { Message } from '../message.ts';
import { expirationOf } from '../queues/expiration.ts';
import type { Exchange } from '../routing/exchange.ts';
import type { Admission, Interceptor } from '../routing/interceptor.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';
import type { Route } from '../routing/route.ts';
import { delayMsOf, turnDelayRound } from './delay-header.ts';
import type { DelayLine, DelayOwner } from './delay-line.ts';
import { recordMessage, recordOf } from './delayed-record.ts';
import type { Delays } from './delays.ts';

/** What the delay of an exchange needs of the virtual host around it. */
export interface RoutingHost {
  route(exchange: Exchange, message: Message): Route;
}

/**
 * Keeps messages that have reached an exchange of type x-delayed-message for as long as their `x-delay` header says
 * (README of the plugin rabbitmq-delayed-message-exchange). Then they are routed as if they came just now.
 */
export class ExchangeDelay implements Interceptor, DelayOwner {
  readonly line: DelayLine;
  readonly #exchange: Exchange;
  readonly #host: RoutingHost;

  constructor(delays: Delays, lineId: number, exchange: Exchange, host: RoutingHost) {
    this.#exchange = exchange;
    this.#host = host;
    this.line = delays.open(lineId, this);
  }

  admit(message: Message): Admission | undefined {
    const delayMs = delayMsOf(message);
    return delayMs === 0 ? undefined : new DelayAdmission(this.line, delayMs);
  }

  release(record: Buffer, now: number): void {
    // The record may still be on its way to the disk.
    const message = recordMessage(Buffer.from(record));
    try {
      turnDelayRound(message);
      if (message.scan.expirationEnd !== 0) message.expirationMs = expirationOf(message);
      const route = this.#host.route(this.#exchange, message);
      this.#exchange.stats.publishOut += route.queues.length;
      route.publish(message, now);
    } catch (error) {
      // It was checked when it came; but a client may have had its hand in a dead letter.
      if (!(error instanceof AmqpError)) throw error;
    }
  }
}

/** The delay of one message. */
class DelayAdmission implements Admission {
  readonly goesOn = false;
  readonly isDeferred = true;
  readonly #line: DelayLine;
  readonly #delayMs: number;

  constructor(line: DelayLine, delayMs: number) {
    this.#line = line;
    this.#delayMs = delayMs;
  }

  /** Whatever its delivery mode, the message is kept on disk, as in the plugin. */
  carryOut(message: Message, now: number): number {
    this.#line.add(recordOf(message, now, 0), now + this.#delayMs);
    return PublishOutcome.NeedsCommit;
  }
}
