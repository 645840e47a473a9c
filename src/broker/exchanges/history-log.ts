import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { findHeader } from '../../protocol/field-table-codec.ts';
import { integerOf } from '../../protocol/field-value.ts';
import { erlangTerm } from '../erlang-term.ts';
import type { MessageLog } from '../log/message-log.ts';
import { Message } from '../message.ts';
import { expirationOf } from '../queues/expiration.ts';
import type { Admission, Interceptor } from '../routing/interceptor.ts';
import { PublishOutcome } from '../routing/publish-outcome.ts';

const lengthArgument = 'x-recent-history-length';
const lengthDefault = 20;

/** What is remembered is in memory while a new binding gets it. */
const lengthMax = 10_000;

const noStoreHeader = Buffer.from('x-recent-history-no-store');
const bool = 0x74;

/** @throws AmqpError 406 */
export function checkHistoryArguments(all: FieldTable): void {
  const value = all.get(lengthArgument);
  if (value === undefined) return;
  const length = integerOf(value);
  if (length === undefined || length <= 0) {
    throw invalid(`Invalid argument ${erlangTerm(value)}, '${lengthArgument}' must be a positive integer`);
  }
  if (length > lengthMax) throw invalid(`Invalid argument, '${lengthArgument}' must be at most ${lengthMax}`);
}

/** Messages to remember, from arguments that have been checked. */
export function historyLength(all: FieldTable): number {
  return Number(integerOf(all.get(lengthArgument)) ?? lengthDefault);
}

/**
 * The last messages of an exchange, for those who are bound to it later (RabbitMQ's plugin
 * rabbitmq_recent_history_exchange). A message log of the exchange, as durable as the exchange and the messages are.
 */
export class RecentHistory implements Interceptor {
  readonly #length: number;
  readonly #log: MessageLog;
  readonly #kept: Admission = {
    goesOn: true,
    carryOut: (message, now, outcome) => this.#keep(message, now, outcome),
  };

  constructor(length: number, log: MessageLog) {
    this.#length = length;
    this.#log = log;
  }

  /** A message that says so is not remembered. */
  admit({ frames, scan: { headersStart, headersEnd } }: Message): Admission | undefined {
    const at = findHeader(frames, headersStart, headersEnd, noStoreHeader);
    return at >= 0 && frames[at] === bool && frames[at + 1] !== 0 ? undefined : this.#kept;
  }

  /** What is remembered, oldest first: copies, to be published. */
  messages(): Message[] {
    const messages: Message[] = [];
    for (const { buffer, start, end } of this.#log.readyRecords()) {
      const message = Message.fromRecord(buffer, start, end).copy();
      if (message.scan.expirationEnd !== 0) message.expirationMs = expirationOf(message);
      messages.push(message);
    }
    // Some more may still be there, if they had to be waited for.
    return messages.slice(-this.#length);
  }

  #keep(message: Message, now: number, outcome: number): number {
    if ((outcome & PublishOutcome.Refused) !== 0) return outcome;
    const log = this.#log;
    const needsCommit = log.append(message, now, 0);
    while (log.readyCount > this.#length && log.seek() && log.segment !== undefined) {
      const { segment, index } = log;
      log.take();
      log.settle(segment, index);
    }
    return needsCommit ? outcome | PublishOutcome.NeedsCommit : outcome;
  }
}

function invalid(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.PreconditionFailed, explanation);
}
