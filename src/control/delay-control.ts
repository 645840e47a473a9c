import type { Broker } from '../broker/broker.ts';
import type { DelayLine } from '../broker/delays/delay-line.ts';
import { recordMessage } from '../broker/delays/delayed-record.ts';
import { defaultVirtualHost } from '../broker/names.ts';
import { type BasicProperties, decodeProperties } from '../protocol/basic-properties.ts';

/** Messages listed at once, unless somebody asks for fewer. Of large ones there may be less. */
const listedMax = 1000;
const listedBytesMax = 16 * 2 ** 20;

/** Where messages wait: in an exchange of type x-delayed-message, or for a queue that tries again. */
export type DelayPlace = { readonly vhost?: string } & (
  | { readonly exchange: string }
  | { readonly queue: string }
);

/** A message that waits for its time. */
export interface DelayedMessage {
  /** Names it within its exchange or queue. */
  readonly id: string;
  /** When it goes on, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** Where it was published to. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly body: Buffer;
}

/** Which delayed messages are listed. */
export interface DelayedRange {
  /** Id of the last message of the range before. Default: from the first one. */
  readonly after?: string;
  /** 1000 or less. Default 1000. */
  readonly limit?: number;
}

/** The delayed messages of a running broker. All of it throws Error when there is no such exchange or queue. */
export interface DelayControl {
  /** How many messages wait. */
  countDelayed(place: DelayPlace): number;
  /**
   * In the order in which they are due; what is due in more than 10 to 20 minutes by slots of ten minutes. An empty
   * list is the end.
   */
  listDelayed(place: DelayPlace, range?: DelayedRange): readonly DelayedMessage[];
  /**
   * Resolves when the message is gone for good: neither routed nor dead-lettered. Resolves to false if it is not
   * there, or not any more.
   */
  cancelDelayed(place: DelayPlace, id: string): Promise<boolean>;
}

/** Delayed messages of this broker. */
export function delayControl(broker: Broker): DelayControl {
  return {
    countDelayed: (place) => findLine(broker, place)?.count ?? 0,
    listDelayed: (place, { after, limit = listedMax } = {}) => {
      const records = findLine(broker, place)?.list(after, Math.min(limit, listedMax), listedBytesMax) ?? [];
      return records.map(({ id, dueAt, record }) => ({ id, dueAt, ...describe(record) }));
    },
    cancelDelayed: async (place, id) => {
      const isCancelled = findLine(broker, place)?.cancel(id) ?? false;
      if (isCancelled) await broker.committer.flush();
      return isCancelled;
    },
  };
}

/** Undefined: nothing waits there, or ever has. */
function findLine(broker: Broker, place: DelayPlace): DelayLine | undefined {
  const vhostName = place.vhost ?? defaultVirtualHost;
  const vhost = broker.vhost(vhostName);
  if (vhost === undefined) throw new Error(`vhost '${vhostName}' not found`);
  const [kind, name] =
    'exchange' in place ? (['exchange', place.exchange] as const) : (['queue', place.queue] as const);
  const owner = kind === 'exchange' ? vhost.findExchange(name) : vhost.findQueue(name);
  if (owner === undefined) throw new Error(`no ${kind} '${name}' in vhost '${vhostName}'`);
  return owner.delayed;
}

function describe(record: Buffer): Omit<DelayedMessage, 'id' | 'dueAt'> {
  const message = recordMessage(record);
  const { exchange, routingKey, frames, propertiesStart, propertiesEnd, body } = message;
  return { exchange, routingKey, properties: decodeProperties(frames, propertiesStart, propertiesEnd), body };
}
