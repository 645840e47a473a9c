/**
 * Counters of what happened to messages, under the names of RabbitMQ's `message_stats`. The data path adds to
 * them; whoever wants rates looks from time to time. They start at 0 with their owner or with the broker.
 */

/** How messages left a queue, or reached the consumers of a channel. */
export abstract class DeliveryStats {
  /** To consumers that acknowledge. */
  deliver = 0;
  /** To consumers that do not. */
  deliverNoAck = 0;
  get = 0;
  getNoAck = 0;
  getEmpty = 0;
  /** With the redelivered flag set. */
  redeliver = 0;
  ack = 0;

  protected addDeliveries(other: DeliveryStats): void {
    this.deliver += other.deliver;
    this.deliverNoAck += other.deliverNoAck;
    this.get += other.get;
    this.getNoAck += other.getNoAck;
    this.getEmpty += other.getEmpty;
    this.redeliver += other.redeliver;
    this.ack += other.ack;
  }
}

/** One queue. */
export class QueueStats extends DeliveryStats {
  /** Appended because somebody published, dead letters included. */
  publish = 0;

  add(other: QueueStats): void {
    this.publish += other.publish;
    this.addDeliveries(other);
  }
}

/** One exchange. */
export class ExchangeStats {
  publishIn = 0;
  /** Copies handed to queues. */
  publishOut = 0;
}

/** One channel; added up, one virtual host. */
export class ChannelStats extends DeliveryStats {
  publish = 0;
  /** Those that ask for a confirm. */
  publishConfirm = 0;
  confirm = 0;
  /** Unroutable and mandatory. */
  returnUnroutable = 0;
  /** Unroutable, and gone. */
  dropUnroutable = 0;

  add(other: ChannelStats): void {
    this.publish += other.publish;
    this.publishConfirm += other.publishConfirm;
    this.confirm += other.confirm;
    this.returnUnroutable += other.returnUnroutable;
    this.dropUnroutable += other.dropUnroutable;
    this.addDeliveries(other);
  }
}

/** Bytes to and from clients. */
export class TrafficStats {
  received = 0;
  sent = 0;

  add(received: number, sent: number): void {
    this.received += received;
    this.sent += sent;
  }
}

/** What came and went since the broker started: RabbitMQ's `churn_rates`. */
export class Churn {
  connectionCreated = 0;
  connectionClosed = 0;
  channelCreated = 0;
  channelClosed = 0;
  /** queue.declare of any queue, new or not. */
  queueDeclared = 0;
  queueCreated = 0;
  queueDeleted = 0;
}
