import { integer, oneOf, size, type ValueType } from '../../config/value.ts';
import type { PlainValue } from '../../protocol/plain-value.ts';
import { type Flags, type GivenFlags, usageError } from '../flags.ts';
import { stampBytes } from './message.ts';
import { type BrokerUri, parseBrokerUri } from './uri.ts';

/** What `leveret perf` is to do. */
export interface PerfOptions {
  readonly uri: BrokerUri;
  readonly producers: number;
  readonly consumers: number;
  /** `undefined`: queues made for this run and deleted after it. Named queues are left as they are. */
  readonly queue: string | undefined;
  readonly queues: number;
  readonly queueArguments: Readonly<Record<string, PlainValue>>;
  /** The empty name is the default exchange. Any other is declared with `exchangeType`. */
  readonly exchange: string;
  readonly exchangeType: string;
  /** One key for every binding and message; otherwise each queue has its own name for a key. */
  readonly routingKey: string | undefined;
  readonly bodyBytes: number;
  readonly persistent: boolean;
  /** Most unconfirmed messages of a producer; 0 turns confirms off. */
  readonly confirmWindow: number;
  readonly autoAck: boolean;
  /** Unacknowledged deliveries of a consumer; 0 is no limit. */
  readonly prefetch: number;
  readonly multiAckEvery: number;
  /** Messages per second of a producer; 0 is as fast as it goes. */
  readonly rate: number;
  /** Publishing ends after this many seconds; 0 is no limit. */
  readonly seconds: number;
  /** Publishing ends after this many messages of each producer (or deliveries to each consumer, when there is no producer); 0 is no limit. */
  readonly messages: number;
  readonly json: boolean;
}

const connectionsMax = 10_000;
const exchangeTypes = ['direct', 'fanout', 'topic', 'headers'] as const;

/** The flags of `leveret perf`. Short ones are those of RabbitMQ's PerfTest. */
export const perfFlags: Flags = {
  uri: { doc: 'Broker to connect to.', placeholder: '<uri>', defaultText: 'amqp://localhost' },
  producers: { doc: 'Publishing connections.', placeholder: '<n>', defaultText: '1', alias: 'x' },
  consumers: { doc: 'Consuming connections.', placeholder: '<n>', defaultText: '1 per queue', alias: 'y' },
  queue: {
    doc: 'Name of the queue; it is kept.',
    placeholder: '<name>',
    defaultText: 'a new one',
    alias: 'u',
  },
  queues: { doc: 'Number of queues; their names get -0, -1, ...', placeholder: '<n>', defaultText: '1' },
  'queue-args': { doc: 'Arguments of the queues, such as x-max-length=1000.', placeholder: '<k=v,...>' },
  exchange: {
    doc: 'Exchange to publish to.',
    placeholder: '<name>',
    defaultText: 'the default exchange',
    alias: 'e',
  },
  type: {
    doc: 'Type of the exchange.',
    placeholder: exchangeTypes.join('|'),
    defaultText: 'direct',
    alias: 't',
  },
  'routing-key': {
    doc: 'Routing key of all messages and bindings.',
    placeholder: '<key>',
    defaultText: "the queue's name",
    alias: 'k',
  },
  size: { doc: 'Size of a body.', placeholder: '<bytes>', defaultText: '1024', alias: 's' },
  persistent: { doc: 'Persistent messages and durable queues.', alias: 'f' },
  confirm: { doc: 'Publisher confirms with at most this many outstanding.', placeholder: '<n>', alias: 'c' },
  autoack: { doc: 'Consume without acknowledgements.', alias: 'a' },
  prefetch: { doc: 'Unacknowledged deliveries of a consumer.', placeholder: '<n>', alias: 'q' },
  'multi-ack-every': {
    doc: 'Acknowledge every so many deliveries at once.',
    placeholder: '<n>',
    defaultText: '1',
    alias: 'A',
  },
  rate: {
    doc: 'Messages per second of each producer.',
    placeholder: '<n>',
    defaultText: 'unlimited',
    alias: 'r',
  },
  time: {
    doc: 'Publish for so many seconds.',
    placeholder: '<seconds>',
    defaultText: 'until Ctrl-C',
    alias: 'z',
  },
  messages: {
    doc: 'Publish so many messages with each producer.',
    placeholder: '<n>',
    defaultText: 'unlimited',
    alias: 'C',
  },
  json: { doc: 'Print the summary as JSON.' },
};

/** @throws CommandError naming the flag that cannot be used. */
export function perfOptions(given: GivenFlags): PerfOptions {
  const word = given.words.find((each) => each !== 'perf');
  if (word !== undefined) throw usageError(`perf takes no argument "${word}"`);
  const clients = clientsOf(given);
  const target = targetOf(given);
  checkTogether(clients, target);
  return {
    uri: parseBrokerUri(given.values['uri'] ?? 'amqp://localhost'),
    ...clients,
    ...target,
    queueArguments: keyValues(given.values['queue-args'] ?? ''),
    bodyBytes: value(given, 'size', size(stampBytes, 512 * 2 ** 20), 1024),
    persistent: given.switches.has('persistent'),
    ...acknowledgements(given),
    ...limits(given),
    json: given.switches.has('json'),
  };
}

type Clients = Pick<PerfOptions, 'producers' | 'consumers' | 'queues'>;

function clientsOf(given: GivenFlags): Clients {
  const queues = count(given, 'queues', 1, { min: 1, max: connectionsMax });
  const producers = count(given, 'producers', 1, { max: connectionsMax });
  const consumers = count(given, 'consumers', queues, { max: connectionsMax });
  if (producers + consumers === 0) throw usageError('--producers and --consumers are both 0');
  if (consumers > 0 && consumers < queues) {
    throw usageError(`--consumers: ${consumers} would leave some of ${queues} queues unread`);
  }
  return { producers, consumers, queues };
}

type Target = Pick<PerfOptions, 'queue' | 'exchange' | 'exchangeType' | 'routingKey'>;

function targetOf(given: GivenFlags): Target {
  const { queue, exchange = '', type, 'routing-key': routingKey } = given.values;
  if (routingKey !== undefined && exchange === '' && routingKey !== queue) {
    throw usageError('--routing-key: needs an --exchange, the default exchange knows queues by name');
  }
  const exchangeType = value(given, 'type', oneOf(exchangeTypes), 'direct');
  if (exchange === '' && type !== undefined) {
    throw usageError('--type: needs an --exchange, the default exchange is there already');
  }
  return { queue, exchange, exchangeType, routingKey };
}

/** A queue that is made for the run goes with it: without one side, there is nothing to measure in it. */
function checkTogether({ producers, consumers }: Clients, { queue, exchange }: Target): void {
  if (consumers === 0 && queue === undefined && exchange === '') {
    throw usageError('--queue: without consumers the queue needs a name, it is deleted otherwise');
  }
  if (producers === 0 && queue === undefined) {
    throw usageError('--queue: without producers the queue needs a name, a new one is empty');
  }
}

/** What either side waits for. */
function acknowledgements(
  given: GivenFlags,
): Pick<PerfOptions, 'confirmWindow' | 'autoAck' | 'prefetch' | 'multiAckEvery'> {
  return {
    confirmWindow: count(given, 'confirm', 0, { min: 1, max: 1_000_000 }),
    autoAck: given.switches.has('autoack'),
    prefetch: count(given, 'prefetch', 0, { max: 65_535 }),
    multiAckEvery: count(given, 'multi-ack-every', 1, { min: 1, max: 65_535 }),
  };
}

/** How fast and how long. */
function limits(given: GivenFlags): Pick<PerfOptions, 'rate' | 'seconds' | 'messages'> {
  return {
    rate: count(given, 'rate', 0, { min: 1 }),
    seconds: count(given, 'time', 0, { min: 1 }),
    messages: count(given, 'messages', 0, { min: 1 }),
  };
}

/** @throws CommandError */
function count(given: GivenFlags, flag: string, otherwise: number, { min = 0, max = 1_000_000_000 }): number {
  return value(given, flag, integer(min, max), otherwise);
}

/** @throws CommandError */
function value<T>(given: GivenFlags, flag: string, type: ValueType<T>, otherwise: T): T {
  const text = given.values[flag];
  if (text === undefined) return otherwise;
  const parsed = type.parse(text);
  if (parsed === undefined) throw usageError(`--${flag}: "${text}" is not ${type.expected}`);
  return parsed.value;
}

/** `x-max-length=1000,x-queue-mode=lazy`: numbers, true and false are what they look like. */
function keyValues(text: string): Record<string, PlainValue> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw usageError(`--queue-args: "${pair}" is not key=value`);
      return [pair.slice(0, at), plain(pair.slice(at + 1))];
    }),
  );
}

function plain(text: string): PlainValue {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
