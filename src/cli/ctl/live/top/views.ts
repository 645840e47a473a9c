import { isObject, type JsonObject } from '../../../../json-object.ts';
import { oneLine } from '../../../printable.ts';
import { bytes, count, perSecond } from '../figures.ts';

/** A column of `top`. */
export interface Column {
  /** What --sort calls it. */
  readonly name: string;
  readonly heading: string;
  /** Where the HTTP API has its value, and what it sorts by. */
  readonly path: string;
  readonly width: number;
  readonly text: (value: unknown) => string;
  /** Numbers stand on the right, and the largest come first. */
  readonly isNumber: boolean;
  /** The higher, the sooner it goes when the window is narrow. 0 stays. */
  readonly rank: number;
}

/** What `top` shows: one kind of object. */
export interface View {
  readonly name: ViewName;
  /** Below /api; lists of a virtual host are below that. */
  readonly path: string;
  readonly isPerVhost: boolean;
  /** The first one takes the space that is left. */
  readonly columns: readonly Column[];
  readonly sort: string;
}

export const viewNames = ['queues', 'connections', 'channels'] as const;
export type ViewName = (typeof viewNames)[number];

const figure = (value: unknown) => count(Number(value ?? 0));
const rate = (value: unknown) => perSecond(Number(value ?? 0));
const size = (value: unknown) => bytes(Math.round(Number(value ?? 0)));
const word = (value: unknown) => oneLine(String(value ?? ''));

function text(name: string, path: string, width: number, rank: number): Column {
  return { name, heading: name.toUpperCase(), path, width, text: word, isNumber: false, rank };
}

function number(
  name: string,
  heading: string,
  path: string,
  { width = 8, rank, format = figure }: { width?: number; rank: number; format?: (value: unknown) => string },
): Column {
  return { name, heading, path, width, text: format, isNumber: true, rank };
}

function messageRate(name: string, heading: string, statistic: string, rank: number): Column {
  return number(name, heading, `message_stats.${statistic}_details.rate`, { rank, format: rate });
}

export const views: Readonly<Record<ViewName, View>> = {
  queues: {
    name: 'queues',
    path: '/api/queues',
    isPerVhost: true,
    sort: 'total',
    columns: [
      text('name', 'name', 16, 0),
      text('vhost', 'vhost', 12, 8),
      text('type', 'type', 7, 9),
      number('ready', 'READY', 'messages_ready', { width: 11, rank: 1 }),
      number('unacked', 'UNACKED', 'messages_unacknowledged', { rank: 2 }),
      number('total', 'TOTAL', 'messages', { width: 11, rank: 7 }),
      number('bytes', 'BYTES', 'message_bytes', { rank: 10, format: size }),
      number('consumers', 'CONS', 'consumers', { width: 5, rank: 3 }),
      messageRate('in', 'IN/S', 'publish', 4),
      messageRate('out', 'OUT/S', 'deliver_get', 5),
      messageRate('ack', 'ACK/S', 'ack', 6),
    ],
  },
  connections: {
    name: 'connections',
    path: '/api/connections',
    isPerVhost: false,
    sort: 'in',
    columns: [
      text('name', 'name', 36, 0),
      text('client', 'user_provided_name', 20, 7),
      text('user', 'user', 12, 1),
      text('vhost', 'vhost', 12, 8),
      text('state', 'state', 8, 6),
      number('channels', 'CHAN', 'channels', { width: 5, rank: 3 }),
      number('in', 'IN/S', 'recv_oct_details.rate', { rank: 4, format: size }),
      number('out', 'OUT/S', 'send_oct_details.rate', { rank: 5, format: size }),
      number('unsent', 'UNSENT', 'send_pend', { rank: 9, format: size }),
    ],
  },
  channels: {
    name: 'channels',
    path: '/api/channels',
    isPerVhost: false,
    sort: 'unacked',
    columns: [
      text('name', 'name', 40, 0),
      text('user', 'user', 12, 6),
      text('vhost', 'vhost', 12, 7),
      number('prefetch', 'PREFETCH', 'prefetch_count', { rank: 8 }),
      number('unacked', 'UNACKED', 'messages_unacknowledged', { rank: 1 }),
      number('unconfirmed', 'UNCONFIRMED', 'messages_unconfirmed', { width: 11, rank: 9 }),
      number('consumers', 'CONS', 'consumer_count', { width: 5, rank: 2 }),
      messageRate('in', 'IN/S', 'publish', 3),
      messageRate('out', 'OUT/S', 'deliver_get', 4),
      messageRate('ack', 'ACK/S', 'ack', 5),
    ],
  },
};

/** What a path such as `message_stats.ack_details.rate` leads to. */
export function valueAt(row: JsonObject, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), row);
}
