/**
 * AMQP 0-9-1 as RabbitMQ speaks it: classes, methods, arguments, content properties.
 *
 * `spec/generate.ts` turns this into `src/protocol/methods.ts` and `src/protocol/basic-properties.ts`.
 * Arguments stand in wire order. Those named `reserved-…` are on the wire but mean nothing: they are
 * sent as zero and skipped when read, whatever older specifications called them (ticket, insist, …).
 */

/**
 * Wire types of arguments and properties (specification, section 4.2.1). RabbitMQ checks that short strings
 * are UTF-8, but for a `raw-shortstr`: there it takes and passes on any bytes.
 */
export type Domain =
  | 'bit'
  | 'octet'
  | 'short'
  | 'long'
  | 'longlong'
  | 'shortstr'
  | 'raw-shortstr'
  | 'longstr'
  | 'timestamp'
  | 'table';

export interface MethodSpec {
  readonly id: number;
  readonly name: string;
  readonly from: 'client' | 'server' | 'both';
  /** The sender waits for an answer (unless it says no-wait). */
  readonly synchronous?: true;
  /** A content header and body frames follow. */
  readonly content?: true;
  readonly arguments?: Readonly<Record<string, Domain>>;
}

export interface ClassSpec {
  readonly id: number;
  readonly name: string;
  readonly methods: readonly MethodSpec[];
}

/** What `connection.close` and `channel.close` say. */
const closeArguments = {
  'reply-code': 'short',
  'reply-text': 'raw-shortstr',
  'class-id': 'short',
  'method-id': 'short',
} as const;

const tuneArguments = { 'channel-max': 'short', 'frame-max': 'long', heartbeat: 'short' } as const;

const exchangeBindArguments = {
  'reserved-1': 'short',
  destination: 'shortstr',
  source: 'shortstr',
  'routing-key': 'shortstr',
  'no-wait': 'bit',
  arguments: 'table',
} as const;

export const classes: readonly ClassSpec[] = [
  {
    id: 10,
    name: 'connection',
    methods: [
      {
        id: 10,
        name: 'start',
        from: 'server',
        synchronous: true,
        arguments: {
          'version-major': 'octet',
          'version-minor': 'octet',
          'server-properties': 'table',
          mechanisms: 'longstr',
          locales: 'longstr',
        },
      },
      {
        id: 11,
        name: 'start-ok',
        from: 'client',
        arguments: {
          'client-properties': 'table',
          mechanism: 'shortstr',
          response: 'longstr',
          locale: 'shortstr',
        },
      },
      { id: 20, name: 'secure', from: 'server', synchronous: true, arguments: { challenge: 'longstr' } },
      { id: 21, name: 'secure-ok', from: 'client', arguments: { response: 'longstr' } },
      { id: 30, name: 'tune', from: 'server', synchronous: true, arguments: tuneArguments },
      { id: 31, name: 'tune-ok', from: 'client', arguments: tuneArguments },
      {
        id: 40,
        name: 'open',
        from: 'client',
        synchronous: true,
        arguments: { 'virtual-host': 'shortstr', 'reserved-1': 'shortstr', 'reserved-2': 'bit' },
      },
      { id: 41, name: 'open-ok', from: 'server', arguments: { 'reserved-1': 'shortstr' } },
      { id: 50, name: 'close', from: 'both', synchronous: true, arguments: closeArguments },
      { id: 51, name: 'close-ok', from: 'both' },
      { id: 60, name: 'blocked', from: 'server', arguments: { reason: 'shortstr' } },
      { id: 61, name: 'unblocked', from: 'server' },
      {
        id: 70,
        name: 'update-secret',
        from: 'client',
        synchronous: true,
        arguments: { 'new-secret': 'longstr', reason: 'shortstr' },
      },
      { id: 71, name: 'update-secret-ok', from: 'server' },
    ],
  },
  {
    id: 20,
    name: 'channel',
    methods: [
      { id: 10, name: 'open', from: 'client', synchronous: true, arguments: { 'reserved-1': 'shortstr' } },
      { id: 11, name: 'open-ok', from: 'server', arguments: { 'reserved-1': 'longstr' } },
      { id: 20, name: 'flow', from: 'both', synchronous: true, arguments: { active: 'bit' } },
      { id: 21, name: 'flow-ok', from: 'both', arguments: { active: 'bit' } },
      { id: 40, name: 'close', from: 'both', synchronous: true, arguments: closeArguments },
      { id: 41, name: 'close-ok', from: 'both' },
    ],
  },
  {
    id: 30,
    name: 'access',
    methods: [
      {
        id: 10,
        name: 'request',
        from: 'client',
        synchronous: true,
        arguments: {
          realm: 'shortstr',
          exclusive: 'bit',
          passive: 'bit',
          active: 'bit',
          write: 'bit',
          read: 'bit',
        },
      },
      { id: 11, name: 'request-ok', from: 'server', arguments: { ticket: 'short' } },
    ],
  },
  {
    id: 40,
    name: 'exchange',
    methods: [
      {
        id: 10,
        name: 'declare',
        from: 'client',
        synchronous: true,
        arguments: {
          'reserved-1': 'short',
          exchange: 'shortstr',
          type: 'shortstr',
          passive: 'bit',
          durable: 'bit',
          'auto-delete': 'bit',
          internal: 'bit',
          'no-wait': 'bit',
          arguments: 'table',
        },
      },
      { id: 11, name: 'declare-ok', from: 'server' },
      {
        id: 20,
        name: 'delete',
        from: 'client',
        synchronous: true,
        arguments: { 'reserved-1': 'short', exchange: 'shortstr', 'if-unused': 'bit', 'no-wait': 'bit' },
      },
      { id: 21, name: 'delete-ok', from: 'server' },
      { id: 30, name: 'bind', from: 'client', synchronous: true, arguments: exchangeBindArguments },
      { id: 31, name: 'bind-ok', from: 'server' },
      { id: 40, name: 'unbind', from: 'client', synchronous: true, arguments: exchangeBindArguments },
      // Not 41: RabbitMQ gave the extension this number, and every client knows it by it.
      { id: 51, name: 'unbind-ok', from: 'server' },
    ],
  },
  {
    id: 50,
    name: 'queue',
    methods: [
      {
        id: 10,
        name: 'declare',
        from: 'client',
        synchronous: true,
        arguments: {
          'reserved-1': 'short',
          queue: 'shortstr',
          passive: 'bit',
          durable: 'bit',
          exclusive: 'bit',
          'auto-delete': 'bit',
          'no-wait': 'bit',
          arguments: 'table',
        },
      },
      {
        id: 11,
        name: 'declare-ok',
        from: 'server',
        arguments: { queue: 'shortstr', 'message-count': 'long', 'consumer-count': 'long' },
      },
      {
        id: 20,
        name: 'bind',
        from: 'client',
        synchronous: true,
        arguments: {
          'reserved-1': 'short',
          queue: 'shortstr',
          exchange: 'shortstr',
          'routing-key': 'shortstr',
          'no-wait': 'bit',
          arguments: 'table',
        },
      },
      { id: 21, name: 'bind-ok', from: 'server' },
      {
        id: 30,
        name: 'purge',
        from: 'client',
        synchronous: true,
        arguments: { 'reserved-1': 'short', queue: 'shortstr', 'no-wait': 'bit' },
      },
      { id: 31, name: 'purge-ok', from: 'server', arguments: { 'message-count': 'long' } },
      {
        id: 40,
        name: 'delete',
        from: 'client',
        synchronous: true,
        arguments: {
          'reserved-1': 'short',
          queue: 'shortstr',
          'if-unused': 'bit',
          'if-empty': 'bit',
          'no-wait': 'bit',
        },
      },
      { id: 41, name: 'delete-ok', from: 'server', arguments: { 'message-count': 'long' } },
      {
        id: 50,
        name: 'unbind',
        from: 'client',
        synchronous: true,
        arguments: {
          'reserved-1': 'short',
          queue: 'shortstr',
          exchange: 'shortstr',
          'routing-key': 'shortstr',
          arguments: 'table',
        },
      },
      { id: 51, name: 'unbind-ok', from: 'server' },
    ],
  },
  {
    id: 60,
    name: 'basic',
    methods: [
      {
        id: 10,
        name: 'qos',
        from: 'client',
        synchronous: true,
        arguments: { 'prefetch-size': 'long', 'prefetch-count': 'short', global: 'bit' },
      },
      { id: 11, name: 'qos-ok', from: 'server' },
      {
        id: 20,
        name: 'consume',
        from: 'client',
        synchronous: true,
        arguments: {
          'reserved-1': 'short',
          queue: 'shortstr',
          'consumer-tag': 'shortstr',
          'no-local': 'bit',
          'no-ack': 'bit',
          exclusive: 'bit',
          'no-wait': 'bit',
          arguments: 'table',
        },
      },
      { id: 21, name: 'consume-ok', from: 'server', arguments: { 'consumer-tag': 'shortstr' } },
      {
        id: 30,
        name: 'cancel',
        from: 'both',
        synchronous: true,
        arguments: { 'consumer-tag': 'shortstr', 'no-wait': 'bit' },
      },
      { id: 31, name: 'cancel-ok', from: 'both', arguments: { 'consumer-tag': 'shortstr' } },
      {
        id: 40,
        name: 'publish',
        from: 'client',
        content: true,
        arguments: {
          'reserved-1': 'short',
          exchange: 'raw-shortstr',
          'routing-key': 'raw-shortstr',
          mandatory: 'bit',
          immediate: 'bit',
        },
      },
      {
        id: 50,
        name: 'return',
        from: 'server',
        content: true,
        arguments: {
          'reply-code': 'short',
          'reply-text': 'raw-shortstr',
          exchange: 'raw-shortstr',
          'routing-key': 'raw-shortstr',
        },
      },
      {
        id: 60,
        name: 'deliver',
        from: 'server',
        content: true,
        arguments: {
          'consumer-tag': 'shortstr',
          'delivery-tag': 'longlong',
          redelivered: 'bit',
          exchange: 'raw-shortstr',
          'routing-key': 'raw-shortstr',
        },
      },
      {
        id: 70,
        name: 'get',
        from: 'client',
        synchronous: true,
        arguments: { 'reserved-1': 'short', queue: 'shortstr', 'no-ack': 'bit' },
      },
      {
        id: 71,
        name: 'get-ok',
        from: 'server',
        content: true,
        arguments: {
          'delivery-tag': 'longlong',
          redelivered: 'bit',
          exchange: 'raw-shortstr',
          'routing-key': 'raw-shortstr',
          'message-count': 'long',
        },
      },
      { id: 72, name: 'get-empty', from: 'server', arguments: { 'reserved-1': 'shortstr' } },
      { id: 80, name: 'ack', from: 'both', arguments: { 'delivery-tag': 'longlong', multiple: 'bit' } },
      { id: 90, name: 'reject', from: 'client', arguments: { 'delivery-tag': 'longlong', requeue: 'bit' } },
      { id: 100, name: 'recover-async', from: 'client', arguments: { requeue: 'bit' } },
      { id: 110, name: 'recover', from: 'client', synchronous: true, arguments: { requeue: 'bit' } },
      { id: 111, name: 'recover-ok', from: 'server' },
      {
        id: 120,
        name: 'nack',
        from: 'both',
        arguments: { 'delivery-tag': 'longlong', multiple: 'bit', requeue: 'bit' },
      },
    ],
  },
  {
    id: 85,
    name: 'confirm',
    methods: [
      { id: 10, name: 'select', from: 'client', synchronous: true, arguments: { 'no-wait': 'bit' } },
      { id: 11, name: 'select-ok', from: 'server' },
    ],
  },
  {
    id: 90,
    name: 'tx',
    methods: [
      { id: 10, name: 'select', from: 'client', synchronous: true },
      { id: 11, name: 'select-ok', from: 'server' },
      { id: 20, name: 'commit', from: 'client', synchronous: true },
      { id: 21, name: 'commit-ok', from: 'server' },
      { id: 30, name: 'rollback', from: 'client', synchronous: true },
      { id: 31, name: 'rollback-ok', from: 'server' },
    ],
  },
];

/** Properties of class basic; the first has the highest flag bit, 15. */
export const basicProperties: Readonly<Record<string, Domain>> = {
  'content-type': 'raw-shortstr',
  'content-encoding': 'raw-shortstr',
  headers: 'table',
  'delivery-mode': 'octet',
  priority: 'octet',
  'correlation-id': 'raw-shortstr',
  'reply-to': 'raw-shortstr',
  expiration: 'raw-shortstr',
  'message-id': 'raw-shortstr',
  timestamp: 'timestamp',
  type: 'raw-shortstr',
  'user-id': 'raw-shortstr',
  'app-id': 'raw-shortstr',
  'cluster-id': 'raw-shortstr',
};

/** Octets that frame a frame (section 4.2.3). */
export const frameConstants = { method: 1, header: 2, body: 3, heartbeat: 8, end: 0xce } as const;

/** Reply codes of `channel.close` (soft: the channel ends) and `connection.close` (hard: the connection ends). */
export const replyCodes = {
  soft: {
    CONTENT_TOO_LARGE: 311,
    NO_ROUTE: 312,
    NO_CONSUMERS: 313,
    ACCESS_REFUSED: 403,
    NOT_FOUND: 404,
    RESOURCE_LOCKED: 405,
    PRECONDITION_FAILED: 406,
  },
  hard: {
    CONNECTION_FORCED: 320,
    INVALID_PATH: 402,
    FRAME_ERROR: 501,
    SYNTAX_ERROR: 502,
    COMMAND_INVALID: 503,
    CHANNEL_ERROR: 504,
    UNEXPECTED_FRAME: 505,
    RESOURCE_ERROR: 506,
    NOT_ALLOWED: 530,
    NOT_IMPLEMENTED: 540,
    INTERNAL_ERROR: 541,
  },
} as const;
