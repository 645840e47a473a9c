import { type FieldEntry, FieldTable, type FieldValue } from '../../protocol/field-table.ts';
import { array, int64, integerOf, longString, table, textOf, timestamp } from '../../protocol/field-value.ts';
import { rewriteProperties } from '../../protocol/properties.ts';
import { decodeText, encodeText } from '../../protocol/text.ts';
import { decodedHeaders } from '../decoded-headers.ts';
import { Message } from '../message.ts';
import { blindCopyHeader, copyHeader, headerKeys } from '../routing/copy-headers.ts';

/** Why a message is dead-lettered: the `reason` in its x-death header. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** How a message leaves a queue for the dead-letter exchange (RabbitMQ page "Dead Letter Exchanges"). */
export interface DeadLetterOptions {
  /** Dead-letter exchange. */
  readonly exchange: string;
  /** `undefined`: the keys the message came with. */
  readonly routingKey: string | undefined;
  /** The queue that the message leaves. */
  readonly queue: string;
  readonly reason: DeathReason;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** What an entry of x-death says. */
interface Death {
  readonly queue: string;
  readonly reason: DeathReason;
  /** Where the message had been published to before it came to the queue. */
  readonly exchange: string;
  /** The key of the publish and those in CC. */
  readonly routingKeys: readonly string[];
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly expiration: string | undefined;
}

/** The message as it is published to the dead-letter exchange, in memory of its own. */
export function deadLetter(message: Message, options: DeadLetterOptions): Message {
  const { frames, propertiesStart, propertiesEnd, scan } = message;
  const { queue, reason, time } = options;
  const before = decodedHeaders(message);
  const death: Death = {
    queue,
    reason,
    exchange: message.exchange,
    routingKeys: [message.routingKey, ...headerKeys(before, copyHeader)],
    time,
    expiration:
      scan.expirationEnd === 0 ? undefined : decodeText(frames, scan.expirationStart, scan.expirationEnd),
  };
  let headers = deadLetterHeaders(before, death);
  if (options.routingKey !== undefined) headers = headers.without(copyHeader).without(blindCopyHeader);
  // Without its expiration, which is kept in x-death: it would expire a second time.
  const changes = { headers, expiration: undefined };
  const properties = rewriteProperties(frames, propertiesStart, propertiesEnd, changes);
  return Message.of(options.exchange, options.routingKey ?? message.routingKey, properties, message.body);
}

const deathsHeader = 'x-death';

/**
 * Entries x-death may have, so that the headers of a letter on a long way neither grow beyond a frame nor
 * take ever longer to rewrite. The oldest fall off; see {@link isAutomaticCycle} for what else happens.
 */
export const deathsMax = 128;

/**
 * The headers of a dead letter, sorted by name as RabbitMQ's are. In x-death stands one entry per queue and
 * reason, the newest death first; an entry keeps time, exchange and keys of its first death and counts.
 */
function deadLetterHeaders(headers: FieldTable | undefined, death: Death): FieldTable {
  const before = headers?.get(deathsHeader);
  let entries = headers ?? FieldTable.empty;
  if (before === undefined) {
    entries = entries
      .with('x-first-death-reason', text(death.reason))
      .with('x-first-death-queue', text(death.queue))
      .with('x-first-death-exchange', text(death.exchange));
  }
  // A client that turned the header into something else gets a new one, as in RabbitMQ.
  const deaths = before?.tag === 'A' ? withDeath(before.value, death) : [table(firstDeath(death))];
  return sortedByName(entries.with(deathsHeader, array(deaths)));
}

function withDeath(deaths: readonly FieldValue[], death: Death): readonly FieldValue[] {
  const repetitions = new Map<string, number>();
  for (const entry of deaths) {
    if (entry.tag !== 'F') continue;
    const identity = identityOf(entry.value);
    repetitions.set(identity, (repetitions.get(identity) ?? 0) + 1);
  }
  const newest = JSON.stringify([death.queue, death.reason]);
  const others: FieldValue[] = [];
  let counted: FieldTable | undefined;
  for (const entry of deaths) {
    if (entry.tag !== 'F') {
      others.push(entry);
      continue;
    }
    const identity = identityOf(entry.value);
    const count = repetitions.get(identity);
    if (count === undefined) continue;
    repetitions.delete(identity);
    // Before 3.6 RabbitMQ did not count, but wrote an entry for each death.
    const isUncounted = deaths.length > 1 && entry.value.get('count') === undefined;
    const known = isUncounted ? entry.value.with('count', int64(BigInt(count))) : entry.value;
    if (identity === newest) counted = countedAgain(known);
    else others.push(isUncounted ? table(known) : entry);
  }
  return [table(sortedByName(counted ?? firstDeath(death))), ...others.slice(0, deathsMax - 1)];
}

/** Queue and reason in one string. */
function identityOf(entry: FieldTable): string {
  return JSON.stringify([textOf(entry.get('queue')), textOf(entry.get('reason'))]);
}

function firstDeath(death: Death): FieldTable {
  const entries: FieldEntry[] = [
    ['count', int64(1)],
    ['reason', text(death.reason)],
    ['queue', text(death.queue)],
    ['time', timestamp(Math.floor(death.time / 1000))],
    ['exchange', text(death.exchange)],
    ['routing-keys', array(death.routingKeys.map(text))],
  ];
  if (death.expiration !== undefined) entries.push(['original-expiration', text(death.expiration)]);
  return new FieldTable(entries);
}

/** What a client put there instead of a number counts for nothing. */
function countedAgain(entry: FieldTable): FieldTable {
  return entry.with('count', int64(BigInt(integerOf(entry.get('count')) ?? 0) + 1n));
}

/**
 * Whether a dead letter would go round in circles without anybody noticing: it has been in the queue
 * before, and no consumer has rejected it since. A loop that includes a consumer's reject is somebody's
 * way to retry and goes on; a loop of expiries and length limits alone would never end, so the message is
 * dropped for that queue. So is one that has died as often as x-death can tell and never by a reject: the
 * way round may be longer than that.
 */
export function isAutomaticCycle(letter: Message, queue: string): boolean {
  const deaths = letter.headers?.get(deathsHeader);
  if (deaths?.tag !== 'A') return false;
  for (const entry of deaths.value) {
    // RabbitMQ writes tables only, so a client had its hand in this.
    if (entry.tag !== 'F') return false;
    if (textOf(entry.value.get('reason')) === 'rejected') return false;
    if (textOf(entry.value.get('queue')) === queue) return true;
  }
  return deaths.value.length >= deathsMax;
}

/** As RabbitMQ leaves a table that it has changed. */
export function sortedByName(fields: FieldTable): FieldTable {
  return new FieldTable(
    fields.entries.toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)),
  );
}

function text(value: string): FieldValue {
  return longString(encodeText(value));
}
