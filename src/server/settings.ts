/** What the AMQP side of a broker can be told. Names carry their units. */
export interface ServerSettings {
  /** Interval suggested to clients; 0 suggests none. */
  readonly heartbeatSeconds: number;
  /** Largest frame either side may send, its own overhead included. */
  readonly frameMaxBytes: number;
  /** Most channels open at once on a connection. */
  readonly channelMax: number;
  /** Most consumers on a channel; one more is refused with 530. */
  readonly consumerMax: number;
  /** Most open connections; further ones are refused at connection.open with 530. */
  readonly connectionMax: number;
  /** Time from the TCP connection to connection.open. After it the socket is dropped. */
  readonly handshakeTimeoutMs: number;
  /** Who was refused a login, or broke the framing, is disconnected only after this long. */
  readonly refusalDelayMs: number;
  /** Time clients get to answer connection.close when the broker shuts down. */
  readonly shutdownGraceMs: number;
  /** A delivery has to be settled within this time (`Infinity`: some time). Queues and consumers may say otherwise. */
  readonly consumerTimeoutMs: number;
  /** Largest message body. */
  readonly maxMessageBytes: number;
  /** Most unacknowledged deliveries of a channel, whatever its prefetch: then it gets nothing more. */
  readonly unackedMax: number;
  /** Most memory for the publishes of a transaction; one more is refused with 406. */
  readonly transactionBytesMax: number;
  /** What connection.start says about the broker: clients choose features by these two. */
  readonly product: string;
  readonly version: string;
  readonly clusterName: () => string;
  /** Such as `leveret@host`. */
  readonly nodeName: string;
}

/** What counts when nothing is said; `docs/configuration-reference.md` has the same. */
export const defaultServerSettings: ServerSettings = {
  heartbeatSeconds: 60,
  frameMaxBytes: 131_072,
  channelMax: 2047,
  consumerMax: Number.POSITIVE_INFINITY,
  connectionMax: 65_536,
  handshakeTimeoutMs: 10_000,
  refusalDelayMs: 3_000,
  shutdownGraceMs: 3_000,
  consumerTimeoutMs: 1_800_000,
  maxMessageBytes: 128 * 1024 * 1024,
  unackedMax: 500_000,
  transactionBytesMax: 512 * 1024 * 1024,
  product: 'RabbitMQ',
  version: '3.10.8',
  clusterName: () => 'leveret',
  nodeName: 'leveret@localhost',
};
